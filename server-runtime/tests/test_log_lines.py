"""What the log says of the hub's state: rates and losses, seldom, and nobody's name."""

import logging
from typing import Any

import pytest

from xr_media_hub import _report
from xr_media_hub._report import report_stats, stats_line
from xr_media_hub._stats import HubStats, ParticipantStats, QueueDepths
from xr_media_hub._throttle import Throttled
from xr_media_hub._who import WithoutNames
from xr_media_hub.transport.livekit._server_lines import without_people


def facts(number: int, participants: int = 1) -> dict[str, Any]:
    """Health's, where everything that is counted has gone on ``number`` times."""
    tracks = {
        "TR_1": {"kind": "video", "per_s": 29.0},
        "TR_2": {"kind": "video", "per_s": 5.5},
        "TR_3": {"kind": "audio", "per_s": 100.0},
    }
    names = ("audio_chunks", "data_in", "data_out", "return_audio_chunks", "dropped_in")
    return {
        "participant_count": participants,
        "agents": 2,
        "status": "ok",
        "totals": dict.fromkeys((*names, "dropped_data_out", "dropped_audio_out"), number * 10),
        "ipc": {"dropped": {"frame lost": number}, "speech_cancelled": number * 4},
        "recording": {"state": "failing: no space left"},
        "participants": {"alice": {"tracks": tracks}},
    }


def test_the_line_of_the_log_has_rates_and_losses_and_no_names() -> None:
    assert stats_line(facts(3), facts(2), 5.0) == (
        "stats participants=1 agents=2 video_tracks=2 video_per_s=34.5 slowest_video_per_s=5.5 audio_chunks_per_s=2.0 "
        "data_in_per_s=2.0 data_out_per_s=2.0 speech_chunks_per_s=2.0 speech_cancelled=4 lost=31 livekit=ok "
        "recording=failing"
    )


@pytest.mark.anyio
async def test_the_line_is_said_once_a_minute_while_somebody_is_here(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_report, "_PERIOD_S", 1e-6)
    caplog.set_level("INFO")
    three_minutes, then_nobody = [facts(0)] + [facts(1)] * 36, [facts(1, participants=0)] * 36
    heard = iter([*three_minutes, *then_nobody])
    with pytest.raises(RuntimeError):  # what ends the iterator
        await report_stats(lambda: next(heard))

    lines = [record for record in caplog.records if record.message.startswith("stats participants=")]
    assert [record.levelname for record in lines] == ["INFO"] * 3


def test_what_happens_all_the_time_is_said_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    line = Throttled(logging.getLogger("test"), period_s=3600)
    for number in range(1000):
        line.log("lost %d", number)
    line._next_at_s = 0.0
    line.log("lost %d", 1000)

    assert caplog.messages == ["lost 0", "lost 1000 (and 999 more since the last such line)"]


def test_a_participant_is_a_number_and_a_name_only_where_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stats = HubStats()
    alice = stats.who("alice")
    assert str(alice) == "a participant who is not here"
    for name in ("bob", "alice"):
        stats.joined(name, ParticipantStats(), QueueDepths)
    assert str(alice) == "participant 2"
    assert alice.conceal("no track of alice") == "no track of …"
    for variable in ("XR_AI_LOG_NAMES", "XR_AI_VERBOSE"):
        monkeypatch.setenv(variable, "1")
        assert str(alice) == "participant 2 (alice)"
        assert alice.conceal("no track of alice") == "no track of alice"
        monkeypatch.delenv(variable)


def test_what_a_library_says_of_those_who_are_here_is_said_of_numbers(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats, library = HubStats(), logging.getLogger("a library")
    for name in ("al", "alice"):
        stats.joined(name, ParticipantStats(), QueueDepths)
    library.addFilter(WithoutNames(stats.members))
    library.warning("no track of %s in %s; always", "alice", "xr-room-alice-1f")
    monkeypatch.setenv("XR_AI_LOG_NAMES", "1")
    library.warning("no track of %s", "alice")

    assert caplog.messages == [
        "no track of participant 2 in xr-room-participant 2-1f; always",
        "no track of alice",
    ]


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        (
            '{"room": "xr-room-alice-1f", "roomID": "RM_1", "participant": "alice", "pID": "PA_1", "kind": 3}',
            '{"roomID": "RM_1", "pID": "PA_1"}',
        ),
        (
            '{"error": "no alice in xr-room-alice-1f", "room": "xr-room-alice-1f", "participantIdentity": "alice"}',
            '{"error": "no … in …"}',
        ),
        ('{"participant": "alice", "offer": "cut o', "{…}"),
    ],
)
def test_the_media_servers_lines_are_shown_without_people(
    monkeypatch: pytest.MonkeyPatch, details: str, shown: str
) -> None:
    head = "2026-11-20T10:00:00Z\tERROR\tlivekit\trtc/room.go:1\tcould not do it\t"
    assert without_people(head + details) == head + shown
    assert without_people("panic: no such thing") == "panic: no such thing"
    monkeypatch.setenv("XR_AI_LOG_NAMES", "1")
    assert without_people(head + details) == head + details
