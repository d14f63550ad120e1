"""The hub's facts as a page for people: what is here and what is lost, and nobody's name."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

__all__ = ("status_page",)

_REFRESH_S = 2
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif;
  --line: light-dark(#d8dce2, #3a3f47); --card: light-dark(#fff, #1d2024); --page: light-dark(#f4f5f7, #131517);
  --dim: light-dark(#5b636e, #9aa3ae); --good: light-dark(#147d3f, #4cc38a); --bad: light-dark(#b42318, #ff8b7d);
  --warn: light-dark(#fff4e0, #33270f); --edge: light-dark(#e0a030, #b07d20); }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 3rem; background: var(--page); }
header { display: flex; align-items: baseline; gap: 1rem; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
.figures, .columns { display: grid; gap: .75rem; align-items: start; }
.figures { grid-template-columns: repeat(auto-fill, minmax(min(13rem, 45%), 1fr)); margin: 1rem 0; }
.figures div, section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.figures div, section { padding: .7rem 1rem; }
.figures span { display: block; color: var(--dim); font-size: .85rem; }
.figures b { font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.columns { grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); }
section { margin-bottom: .75rem; overflow-x: auto; }
.note { background: var(--warn); border-color: var(--edge); }
.note ul { margin: 0; padding-left: 1.2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-top: 1px solid var(--line); font-weight: normal; }
tr:first-child > * { border-top: 0; }
td { font-variant-numeric: tabular-nums; }
th, .none { color: var(--dim); }
""".replace("\n", " ")
_LOST = {"dropped_in": "from them", "dropped_data_out": "data to them", "dropped_audio_out": "speech to them"}
_ON_OFF = {"recording": "on"}
_SECONDS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def status_page(facts: dict[str, Any], notes: Sequence[str]) -> str:
    """Return the page for what `Health.facts` says; ``notes`` are what an operator should know of the isolation."""
    members = sorted(facts["participants"].values(), key=lambda each: each["number"])
    agents = facts["agent_losses"]
    parts = [
        f"<header><h1>Media hub</h1>{_state(facts)}</header>",
        _figures(facts),
        f'<section class="note"><h2>Not guaranteed</h2>{_list(notes)}</section>' if notes else "",
        _section("Tracks", ("participant", "track", "per second", "size", "so far"), _rows_of(members, _tracks)),
        _section("Waiting", ("participant", "events", "data out", "streams in", "speech"), _rows_of(members, _queues)),
        _section("Agents", ("agent", "video of", "sound of", "data of", "behind", "heard"), _rows_of(agents, _agent)),
        '<div class="columns">',
        _section("Agents' losses", ("agent", "lost", "how many"), _rows_of(agents, _agent_losses)),
        _section("Lost", ("what", "how many"), _losses(facts)),
        _section("Recording", (), _recording(facts["recording"])),
        "</div>",
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="{_REFRESH_S}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Media hub</title><style>{_STYLE}</style><body>{''.join(parts)}</body></html>"
    )


def _state(facts: dict[str, Any]) -> str:
    is_well = facts["status"] == "ok"
    said = "media server answers" if is_well else facts["status"]
    return f'<span class="{"good" if is_well else "bad"}">● {escape(said)}</span>'


def _figures(facts: dict[str, Any]) -> str:
    ipc, state = facts["ipc"], facts["recording"]["state"].partition(":")[0]
    figures = {
        "Participants": facts["participant_count"],
        "Joins": facts["joins"],
        "Agents": facts["agents"],
        "Rooms lost": facts["rooms_lost"],
        "Video memory": f"{ipc['ring_bytes'] / 2**20:.1f} MiB",
        "Sent to agents": f"{ipc['published']:,}".replace(",", " "),
        "Speech cut short": f"{ipc['speech_cancelled']} chunks",
        "Isolation": facts["isolation"],
        "Recording": _ON_OFF.get(state, state),
        "Running for": _duration(facts["uptime_s"]),
    }
    cards = (f"<div><span>{escape(name)}</span><b>{escape(str(value))}</b></div>" for name, value in figures.items())
    return f'<div class="figures">{"".join(cards)}</div>'


def _duration(seconds: float) -> str:
    for size, unit in _SECONDS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _rows_of(things: Iterable[dict[str, Any]], rows: Any) -> list[Sequence[object]]:
    return [row for thing in things for row in rows(thing)]


def _tracks(member: dict[str, Any]) -> Iterable[Sequence[object]]:
    tracks = sorted(member["tracks"].values(), key=lambda track: str(track["kind"]))
    for track in tracks:
        size = f"{track['width']} × {track['height']}" if track["width"] else ""
        yield member["number"], track["kind"], f"{track['per_s']:.1f}", size, track["received"]
    if not tracks:
        yield member["number"], "none", "", "", ""


def _queues(member: dict[str, Any]) -> Iterable[Sequence[object]]:
    queues = member["queues"]
    speech = f"{queues['speech_s']:.1f} s"
    yield member["number"], queues["events"], queues["data_out"], queues["streams_in"], speech


def _agent(agent: dict[str, Any]) -> Iterable[Sequence[object]]:
    if agent["lag_s"] is None:
        yield agent["agent"], "", "", "", "", "not yet"
        return
    listens = (agent["listens"][kind] for kind in ("video", "audio", "data"))
    yield agent["agent"], *listens, f"{agent['lag_s']:.1f} s", f"{agent['heard_s_ago']:.0f} s ago"


def _agent_losses(agent: dict[str, Any]) -> Iterable[Sequence[object]]:
    lost = {**agent["lost"], "answers without room": agent["undelivered"]}
    shown = {kind: count for kind, count in lost.items() if count}
    for kind, count in shown.items():
        yield agent["agent"], kind, count
    if not shown:
        yield agent["agent"], "nothing", ""


def _losses(facts: dict[str, Any]) -> list[Sequence[object]]:
    own = [(f"Participants: {what}", facts["totals"][name]) for name, what in _LOST.items()]
    ipc = [(f"Agents: {reason}", count) for reason, count in facts["ipc"]["dropped"].items()]
    return [row for row in (*own, *ipc) if row[1]]


def _recording(recording: dict[str, Any]) -> list[Sequence[object]]:
    if recording["state"] == "off":
        return []
    cap = f" of {recording['max_bytes'] / 2**20:.0f}" if recording["max_bytes"] else ""
    return [
        ("state", recording["state"]),
        ("encoder", recording["codec"]),
        ("tracks now", recording["tracks"]),
        ("files", f"{recording['segments']}, {recording['bytes'] / 2**20:.1f}{cap} MiB"),
        ("recorded", recording["written"]),
        ("not recorded", recording["dropped"]),
        ("deleted for newer ones", recording["deleted"]),
    ]


def _section(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    body = _table(heads, rows) if rows else '<span class="none">nothing</span>'
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    first = "<tr>" + "".join(f"<th>{escape(head)}" for head in heads) if heads else ""
    lines = ("<tr>" + "".join(f"<td>{escape(str(cell))}" for cell in row) for row in rows)
    return f"<table>{first}{''.join(lines)}</table>"


def _list(notes: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(note)}' for note in notes)}</ul>"
