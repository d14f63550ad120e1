"""Frame signals from a connector to an agent: latency, processor time, rate without loss, at 1 to 128 participants."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from figures import Figure, least, most
from hub_rig import Rig, rigs
from hub_slices import Slices, in_turns, or_infinite, total, values

__all__ = ("measure_signals", "signal_rows")

_PARTICIPANTS = (1, 8, 32, 128)
_RATE_PER_S = 1000
_SLICE_S = 0.5
_BASE = "floor"
_LOSSLESS_STEPS_PER_S = (10_000, 20_000, 30_000, 45_000, 60_000)
_LOSSLESS_S = 0.6
# A sender that needs this much longer for its messages does not hold the rate.
_LOSSLESS_DELAY_MAX = 1.15
_LOSSLESS_MUST_PER_S = 30_000
_P50_MUST_RATIO = 1.5
_FLAT_MUST_RATIO = 1.5
_PART = "signals"


def measure_signals(subjects: Sequence[str], *, is_quick: bool) -> list[Figure]:
    """1000 frame signals/s in all, sender's call → agent's callback; hub and connector in one process, agent apart.

    One rig per hub and number of participants runs all the time and gets half a second in turn. The rate without loss
    is the highest step of which every signal arrived. A slice in which none arrived is a miss, not a gap.
    """
    with ExitStack() as stack:
        started = {
            count: stack.enter_context(rigs((_BASE, *subjects), lambda spec, count=count: _rig(spec, count)))
            for count in _PARTICIPANTS
        }
        cells = {f"{spec} {count}": rig for count, each in started.items() for spec, rig in each.items()}
        slices = in_turns(cells, _paced, 4 if is_quick else 12, "frame signals, latency")
        figures = [figure for count in _PARTICIPANTS for figure in signal_rows(slices, count, subjects)]
        figures.append(_flatness(slices, subjects[0]))
        for count in _PARTICIPANTS:
            what = f"frame signals, rate with {count}"
            rates = in_turns(started[count], _lossless, 2 if is_quick else 4, what)
            figures.append(_rate(rates, count, subjects))
    return figures


def _rig(spec: str, participants: int) -> Rig:
    pids = [f"p{number}" for number in range(participants)]
    return Rig(spec, pids=pids, slots=2 * participants + 62, max_frame_bytes=4096)


def _paced(rig: Rig) -> dict[str, Any]:
    rig.agent("clear")
    before = sum(rig.cpu_s())
    sent = rig.connector("signals", pids=rig.pids, secs=_SLICE_S, rate=_RATE_PER_S)
    count = rig.until_received(rig.agent, "frames", sent["sent"])
    used_s, frames = sum(rig.cpu_s()) - before, rig.agent("stats")["frames"]
    return {
        "p50": or_infinite(frames["p50"]),
        "p99": or_infinite(frames["p99"]),
        "lost": sent["sent"] - count,
        "cpu_us": 1e6 * used_s / sent["sent"],
    }


def _lossless(rig: Rig) -> dict[str, Any]:
    best = 0
    for rate in _LOSSLESS_STEPS_PER_S:
        rig.agent("clear")
        sent = rig.connector("signals", pids=rig.pids, secs=_LOSSLESS_S, rate=rate)
        is_all_there = rig.until_received(rig.agent, "frames", sent["sent"]) >= sent["sent"]
        if sent["secs"] > _LOSSLESS_S * _LOSSLESS_DELAY_MAX or sent["full"] or not is_all_there:
            break
        best = rate
    return {"per_s": best}


def signal_rows(slices: Slices, count: int, subjects: Sequence[str]) -> list[Figure]:
    """Return the rows of so many participants at 1000 signals/s."""
    people = f"{count} participant{'s' * (count > 1)}"
    rows = (("p50", "µs", most(_P50_MUST_RATIO, "ratio")), ("p99", "µs", None), ("cpu_us", "µs", None))
    names = {"p50": f"signal p50, {people}", "p99": f"signal p99, {people}", "cpu_us": f"signal CPU, {people}"}
    ours, base, last = (f"{subject} {count}" for subject in (subjects[0], _BASE, subjects[-1]))
    has_peer = len(subjects) > 1
    return [
        *(
            Figure(
                *(_PART, names[key], unit),
                ours=values(slices, ours, key),
                base=values(slices, base, key),
                base_name=_BASE,
                must=must,
                peer=values(slices, last, key) if has_peer else (),
            )
            for key, unit, must in rows
        ),
        Figure(
            *(_PART, f"signals lost of {_RATE_PER_S}/s, {people}", ""),
            ours=[total(slices, ours, "lost")],
            base=[total(slices, base, "lost")],
            base_name=_BASE,
            must=most(0),
            peer=[total(slices, last, "lost")] if has_peer else (),
        ),
    ]


def _flatness(slices: Slices, ours: str) -> Figure:
    few, many = (values(slices, f"{ours} {count}", "p50") for count in (_PARTICIPANTS[0], _PARTICIPANTS[-1]))
    return Figure(
        *(_PART, f"signal p50, {_PARTICIPANTS[-1]} participants beside 1", "µs"),
        ours=many,
        base=few,
        base_name="with 1",
        must=most(_FLAT_MUST_RATIO, "ratio"),
    )


def _rate(rates: Slices, count: int, subjects: Sequence[str]) -> Figure:
    base = values(rates, _BASE, "per_s")
    # Where not even the floor reaches it, the machine is not ours alone.
    bound = min(_LOSSLESS_MUST_PER_S, max(base, default=_LOSSLESS_MUST_PER_S))
    return Figure(
        *(_PART, f"signals without loss, {count} participant{'s' * (count > 1)}", "/s"),
        ours=values(rates, subjects[0], "per_s"),
        base=base,
        base_name=_BASE,
        must=least(bound),
        peer=values(rates, subjects[-1], "per_s") if len(subjects) > 1 else (),
    )
