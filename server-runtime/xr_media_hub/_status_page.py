"""The hub's facts as a page for people: what is here and what is lost, and nobody's name."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

__all__ = ("status_page",)

_REFRESH_S = 2
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { text-align: left; padding: .2rem 1.2rem .2rem 0; border-bottom: 1px solid #8884; font-weight: normal; }
td { font-variant-numeric: tabular-nums; }
th { opacity: .7; }
.bad { color: #c33; font-weight: 600; }
"""
_LOST = {"dropped_in": "from them", "dropped_data_out": "data to them", "dropped_audio_out": "speech to them"}


def status_page(facts: dict[str, Any], notes: Sequence[str]) -> str:
    """Return the page for what `Health.facts` says; ``notes`` are what an operator should know of the isolation."""
    members = sorted(facts["participants"].values(), key=lambda each: each["number"])
    parts = [
        "<h1>Media hub</h1>",
        _pairs(_summary(facts)),
        _list(notes),
        "<h2>Participants</h2>",
        _table(("#", "track", "per second", "size", "so far"), (row for each in members for row in _tracks(each))),
        "<h2>Waiting</h2>",
        _table(("#", "events", "data out", "streams in", "speech"), map(_queues, members)),
        "<h2>Agents</h2>",
        _table(("agent", "lost", "how many"), (row for each in facts["agent_losses"] for row in _agent(each))),
        "<h2>Lost</h2>",
        _pairs(_losses(facts)),
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="{_REFRESH_S}">'
        f"<title>Media hub</title><style>{_STYLE}</style><body>{''.join(parts)}</body></html>"
    )


def _summary(facts: dict[str, Any]) -> list[tuple[str, object]]:
    ipc = facts["ipc"]
    return [
        ("Media server", "answers" if facts["status"] == "ok" else facts["status"]),
        ("Running for", f"{facts['uptime_s']:.0f} s"),
        ("Isolation", facts["isolation"]),
        ("Participants", f"{facts['participant_count']} now, {facts['joins']} joins"),
        ("Agents", facts["agents"]),
        ("Video memory", f"{ipc['ring_bytes'] / 2**20:.1f} MiB for {ipc['video_tracks']} tracks"),
        ("Published to agents", ipc["published"]),
        ("Recording", _recording(facts["recording"])),
    ]


def _recording(recording: dict[str, Any]) -> str:
    if recording["state"] == "off":
        return "off"
    cap = f" of {recording['max_bytes'] / 2**20:.0f}" if recording["max_bytes"] else ""
    return (
        f"{recording['state']}, {recording['codec']}: {recording['tracks']} tracks, {recording['segments']} files, "
        f"{recording['bytes'] / 2**20:.1f}{cap} MiB, {recording['dropped']} dropped, {recording['deleted']} deleted"
    )


def _agent(agent: dict[str, Any]) -> Iterable[Sequence[object]]:
    lost = {**agent["lost"], "answers without room": agent["undelivered"]}
    shown = {kind: count for kind, count in lost.items() if count}
    for kind, count in shown.items():
        yield agent["agent"], kind, count
    if not shown:
        yield agent["agent"], "nothing", ""


def _tracks(member: dict[str, Any]) -> Iterable[Sequence[object]]:
    tracks = member["tracks"].values()
    for track in tracks:
        size = f"{track['width']} × {track['height']}" if track["width"] else ""
        yield member["number"], track["kind"], f"{track['per_s']:.1f}", size, track["received"]
    if not tracks:
        yield member["number"], "none", "", "", ""


def _queues(member: dict[str, Any]) -> Sequence[object]:
    queues = member["queues"]
    speech = f"{queues['speech_s']:.1f} s"
    return member["number"], queues["events"], queues["data_out"], queues["streams_in"], speech


def _losses(facts: dict[str, Any]) -> list[tuple[str, object]]:
    own = [(f"Participants: {what}", facts["totals"][name]) for name, what in _LOST.items()]
    return own + [(f"Agents: {reason}", count) for reason, count in facts["ipc"]["dropped"].items()]


def _pairs(pairs: Iterable[tuple[str, object]]) -> str:
    return _rows(f"<tr><th>{escape(name)}<td>{escape(str(value))}" for name, value in pairs)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    first = "<tr>" + "".join(f"<th>{escape(head)}" for head in heads)
    return _rows([first, *("<tr>" + "".join(f"<td>{escape(str(cell))}" for cell in row) for row in rows)])


def _rows(rows: Iterable[str]) -> str:
    return f"<table>{''.join(rows)}</table>"


def _list(notes: Sequence[str]) -> str:
    return f'<ul class="bad">{"".join(f"<li>{escape(note)}" for note in notes)}</ul>' if notes else ""
