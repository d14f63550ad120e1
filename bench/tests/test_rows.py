"""The rows of each part, of slices as they may come: what is lost shows, and does not vanish with its slice."""

import math
from typing import Any

from figures import Figure
from hub_camera import camera_rows
from hub_frames import frame_rows
from hub_signals import signal_rows
from hub_sound import sound_rows


def verdicts(figures: list[Figure]) -> dict[str, str]:
    return {figure.name: figure.verdict for figure in figures if figure.must is not None}


def signals(p50: float, lost: int) -> dict[str, Any]:
    return {"p50": p50, "p99": p50, "cpu_us": 1.0, "lost": lost}


def test_signals_that_are_lost_are_a_miss_also_when_all_are() -> None:
    floor = [signals(100, 0)] * 3
    for bad in (signals(100, 1), signals(math.inf, 500)):
        rows = verdicts(signal_rows({"floor 8": floor, "ours 8": [signals(100, 0), bad, bad]}, 8, ["ours"]))
        assert rows["signals lost of 1000/s, 8 participants"] == "MISS"
    assert rows["signal p50, 8 participants"] == "MISS"
    good = verdicts(signal_rows({"floor 8": floor, "ours 8": [signals(120, 0)] * 3}, 8, ["ours"]))
    assert set(good.values()) == {"pass"}


SOUND = {"p50": 1.0, "p99": 1.0, "lost": 0}
BURST = {"lost": 0, "flush_ms": 1.0, "after": 0}


def sound(**kinds: dict[str, Any]) -> dict[str, str]:
    slices = {name: {"floor": [figures] * 2, "ours": [figures] * 2} for name, figures in kinds.items()}
    return verdicts(sound_rows(*(slices[name] for name in ("few", "many", "back", "whole", "bursts")), ["ours"]))


def test_speech_has_to_arrive_whole_and_a_lost_flush_is_a_miss() -> None:
    good = {"few": SOUND, "many": SOUND, "back": SOUND, "whole": {"lost": 0}, "bursts": BURST}
    assert set(sound(**good).values()) == {"pass"}
    rows = sound(**good | {"whole": {"lost": 1}})
    assert rows["speech lost of 10 000 chunks at once"] == "MISS"
    rows = sound(**good | {"bursts": {"lost": 1, "flush_ms": math.inf, "after": None}})
    assert rows["speech heard after its flush"] == "MISS"
    assert rows["flush behind 10 000 chunks"] == "MISS"


def frames(p50: float, copy: float) -> dict[str, Any]:
    return {"p50": p50, "p99": p50, "bad": 0, "hub_us": 1.0, "agent_us": 1.0, "copy": copy}


def fetched(in_place: float, copied: float, copy: float) -> dict[str, str]:
    slices = {"floor-ask": [frames(150, 1)], "ours": [frames(in_place, copy)], "ours-copy": [frames(copied, copy)]}
    return verdicts(frame_rows(slices, "720p", 157.0, ["ours"]))


def test_what_request_frame_gives_by_itself_is_judged_and_a_slow_copy_is_no_excuse_in_place() -> None:
    assert set(fetched(in_place=50, copied=250, copy=90).values()) == {"pass"}
    assert fetched(in_place=50, copied=310, copy=90)["frame fetch p50, 720p"] == "MISS"
    assert fetched(in_place=50, copied=310, copy=200)["frame fetch p50, 720p"] == "pass"
    assert fetched(in_place=50, copied=410, copy=200)["frame fetch p50, 720p"] == "MISS"
    assert fetched(in_place=310, copied=310, copy=200)["frame fetch p50 in place, 720p"] == "MISS"


def window(agent: int, subscriber: int, added_ms: float = 0.5) -> dict[str, Any]:
    """Three seconds of 90 frames, of which each saw the first so many."""
    seen = {
        "publisher": {str(number): 10.0 * number for number in range(90)},
        "agent": {str(number): 10.0 * number + 20 + added_ms for number in range(agent)},
        "subscriber": {str(number): 10.0 * number + 20 for number in range(subscriber)},
    }
    passing = {"agent": [added_ms] * agent, "subscriber": [], "publisher": []}
    return {
        "used_s": dict.fromkeys(("hub", "agent", "subscriber", "publisher"), 0.3),
        "seen": {name: {"times_ms": times, "passing_ms": passing[name], "height": 720} for name, times in seen.items()},
        "seconds": 3.0,
    }


def test_frames_that_the_agent_does_not_get_are_a_miss_beside_a_subscriber_who_does() -> None:
    assert set(verdicts(camera_rows([window(90, 90)] * 3, [window(90, 90)] * 3)).values()) == {"pass"}
    few = verdicts(camera_rows([window(80, 90)] * 3, [window(90, 90)] * 3))
    assert few["frames that the agent got"] == "MISS"
    none = verdicts(camera_rows([window(90, 90), window(0, 90), window(90, 90)], [window(90, 90)]))
    assert none["hub CPU per 720p30, agent fetches all"] == "MISS"
    slow = verdicts(camera_rows([window(90, 90, added_ms=2)], [window(90, 90)]))
    assert slow["capture → pixels"] == "MISS"
    assert slow["capture → pixels read in place"] == "pass"
