"""What the log says of the hub's state: rates and losses, seldom, and nobody's name."""

import logging
from typing import Any

import pytest

from xr_media_hub._report import stats_line
from xr_media_hub._throttle import Throttled


def test_the_line_of_the_log_has_rates_and_losses_and_no_names() -> None:
    def facts(number: int) -> dict[str, Any]:
        tracks = {
            "TR_1": {"kind": "video", "per_s": 29.0},
            "TR_2": {"kind": "video", "per_s": 5.5},
            "TR_3": {"kind": "audio", "per_s": 100.0},
        }
        names = ("audio_chunks", "data_in", "data_out", "return_audio_chunks", "dropped_in")
        return {
            "participant_count": 1,
            "agents": 2,
            "status": "ok",
            "totals": dict.fromkeys((*names, "dropped_data_out", "dropped_audio_out"), number * 10),
            "ipc": {"dropped": {"frame lost": number}},
            "recording": {"state": "failing: no space left"},
            "participants": {"alice": {"tracks": tracks}},
        }

    assert stats_line(facts(3), facts(2), 5.0) == (
        "stats participants=1 agents=2 video_tracks=2 video_per_s=34.5 slowest_video_per_s=5.5 audio_chunks_per_s=2.0 "
        "data_in_per_s=2.0 data_out_per_s=2.0 speech_chunks_per_s=2.0 lost=31 livekit=ok recording=failing"
    )


def test_what_happens_all_the_time_is_said_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    line = Throttled(logging.getLogger("test"), period_s=3600)
    for number in range(1000):
        line.log("lost %d", number)
    line._next_at_s = 0.0
    line.log("lost %d", 1000)

    assert caplog.messages == ["lost 0", "lost 1000 (and 999 more since the last such line)"]
