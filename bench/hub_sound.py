"""Sound both ways through the hub's sockets, and bursts of speech with a flush behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from figures import Figure, Must, most
from hub_rig import Rig, rigs
from hub_slices import Slices, in_turns, or_infinite, total, values

__all__ = ("measure_sound", "sound_rows")

_PART = "sound"
_BASE = "floor"
_PARTICIPANTS = 32
_CHUNKS_PER_S = 100
_SLICE_S = 1.0
_BURST_CHUNKS = 10_000
_FLUSH_MUST_MS = 20
_Row = tuple[str, str, str, Must | None]


def measure_sound(subjects: Sequence[str], *, is_quick: bool) -> list[Figure]:
    """10 ms chunks of 48 kHz float: 100/s each from 1 and 32 participants, and 100/s to one; then bursts to one.

    A burst is 10 000 chunks (100 s of speech) without a pause. Alone, all of it has to reach the connector. With a
    flush behind it, what neither reaches the connector nor was silenced by the flush is lost, and so is a flush that
    does not come; its time is the agent's call → the connector's callback.
    """
    pids = [f"p{number}" for number in range(_PARTICIPANTS)]
    slices_count = 4 if is_quick else 10
    with rigs((_BASE, *subjects), lambda spec: Rig(spec, pids=pids, max_frame_bytes=4096)) as started:
        few = in_turns(started, lambda rig: _heard(rig, 1), slices_count, "sound of 1 participant")
        many = in_turns(started, lambda rig: _heard(rig, _PARTICIPANTS), slices_count, "sound of 32 participants")
        back = in_turns(started, _spoken, slices_count, "speech to a participant")
        whole = in_turns(started, _burst_alone, 3 if is_quick else 6, "bursts of speech")
        bursts = in_turns(started, _burst, 3 if is_quick else 6, "bursts of speech and a flush")
    return sound_rows(few, many, back, whole, bursts, subjects)


def sound_rows(
    few: Slices, many: Slices, back: Slices, whole: Slices, bursts: Slices, subjects: Sequence[str]
) -> list[Figure]:
    """Return the table's rows."""
    ours = subjects[0]
    return [
        *_rows(
            few,
            subjects,
            [("sound in p50, 1 × 100/s", "p50", "µs", None), ("sound in p99, 1 × 100/s", "p99", "µs", None)],
        ),
        *_rows(
            many,
            subjects,
            [("sound in p50, 32 × 100/s", "p50", "µs", None), ("sound in p99, 32 × 100/s", "p99", "µs", None)],
        ),
        _total(few, ours, "sound lost, 1 × 100/s"),
        _total(many, ours, "sound lost, 32 × 100/s"),
        *_rows(
            back, subjects, [("speech out p50, 100/s", "p50", "µs", None), ("speech out p99, 100/s", "p99", "µs", None)]
        ),
        _total(back, ours, "speech lost, 100/s"),
        _total(whole, ours, "speech lost of 10 000 chunks at once"),
        *_rows(bursts, subjects, [("flush behind 10 000 chunks", "flush_ms", "ms", most(_FLUSH_MUST_MS))]),
        _total(bursts, ours, "speech neither heard nor flushed of 10 000 chunks"),
        _total(bursts, ours, "speech heard after its flush", "after"),
    ]


def _heard(rig: Rig, participants: int) -> dict[str, Any]:
    rig.agent("clear")
    sent = rig.connector("audio", pids=rig.pids[:participants], secs=_SLICE_S, rate=_CHUNKS_PER_S * participants)
    count = rig.until_received(rig.agent, "audio", sent["sent"])
    got = rig.agent("stats")["audio"]
    return {"p50": or_infinite(got["p50"]), "p99": or_infinite(got["p99"]), "lost": sent["sent"] - count}


def _spoken(rig: Rig) -> dict[str, Any]:
    rig.connector("clear")
    sent = rig.agent("ret_burst", pid="p0", n=int(_CHUNKS_PER_S * _SLICE_S), rate=_CHUNKS_PER_S)
    count = rig.until_received(rig.connector, "ret", sent["sent"])
    got = rig.connector("stats")["ret"]
    return {"p50": or_infinite(got["p50"]), "p99": or_infinite(got["p99"]), "lost": sent["sent"] - count}


def _burst_alone(rig: Rig) -> dict[str, Any]:
    rig.connector("clear")
    rig.agent("ret_burst", pid="p0", n=_BURST_CHUNKS)
    return {"lost": _BURST_CHUNKS - rig.until_received(rig.connector, "ret", _BURST_CHUNKS)}


def _burst(rig: Rig) -> dict[str, Any]:
    rig.connector("clear")
    burst = rig.agent("ret_burst", pid="p0", n=_BURST_CHUNKS, flush_after=True)
    rig.until_received(rig.connector, "ret", _BURST_CHUNKS)
    seen = rig.connector("stats")
    flushes, got = seen["flush"], seen["ret"]["n"]
    return {
        "lost": _BURST_CHUNKS - got - seen["cancelled"] + (not flushes),
        "flush_ms": (flushes[0][0] - burst["flush_sent"]) / 1e3 if flushes else math.inf,
        "after": got - flushes[-1][1] if flushes else None,
    }


def _rows(slices: Slices, subjects: Sequence[str], rows: Sequence[_Row]) -> list[Figure]:
    return [
        Figure(
            *(_PART, name, unit),
            ours=values(slices, subjects[0], key),
            base=values(slices, _BASE, key),
            base_name=_BASE,
            must=must,
            peer=values(slices, subjects[-1], key) if len(subjects) > 1 else (),
        )
        for name, key, unit, must in rows
    ]


def _total(slices: Slices, ours: str, name: str, key: str = "lost") -> Figure:
    return Figure(_PART, name, "chunks", ours=[total(slices, ours, key)], must=most(0))
