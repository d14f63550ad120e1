"""What passes between a participant and an agent: joins, data, sound, pictures and speech, with real clients."""

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from kit.hub import MAX_DATA_BYTES, SPARE_SECRET, get_json, health_until
from livekit import api
from livekit.protocol.models import ParticipantPermission

from xr_ai_agent import AudioChunk, PixelFormat
from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

HUB = "xr-hub-connector"


async def test_a_text_reaches_the_agent_and_the_reply_its_sender(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    alice = await join(hub, "alice-data")
    await alice.send(b"put a red cube")
    await alice.send(b"{}", topic="view.pose")

    await eventually(lambda: agent.texts("alice-data", "view.pose"))
    assert agent.texts("alice-data") == [b"put a red cube"]
    assert [event.participant_id for event in agent.events if event.joined].count("alice-data") == 1

    await agent.tell("alice-data", "agent.response", "done ✓".encode())
    await eventually(lambda: alice.data)
    assert alice.data == [("agent.response", "done ✓".encode(), HUB)]


async def test_a_silent_participant_is_announced_too(hub: Any, agent: Any, join: Callable[..., Any]) -> None:
    await join(hub, "quiet")

    await eventually(lambda: "quiet" in agent.endpoint.connected_participants)


async def test_sound_arrives_at_its_own_rate_and_level(hub: Any, agent: Any, join: Callable[..., Any]) -> None:
    alice = await join(hub, "alice-mic")
    track_id = await alice.publish_tone(hz=1000, level=0.4)

    await eventually(lambda: agent.peak("alice-mic") > 0.3)
    chunk = next(each for each in reversed(agent.audio) if each.participant_id == "alice-mic")
    assert (chunk.sample_rate, chunk.channels, chunk.track_id) == (48_000, 1, track_id)
    assert len(chunk.data) == chunk.samples * 4
    assert abs(chunk.pts_us - time.time_ns() // 1000) < 5_000_000
    assert agent.peak("alice-mic") == pytest.approx(0.4, abs=0.1)


async def test_a_picture_arrives_and_its_memory_goes_with_the_track(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    alice = await join(hub, "alice-cam")
    track_id = await alice.publish_colour(luma=180)
    await eventually(lambda: any(signal.participant_id == "alice-cam" for signal in agent.frames))

    signal = next(signal for signal in agent.frames if signal.participant_id == "alice-cam")
    frame = await agent.endpoint.request_frame(signal)
    assert frame is not None
    assert (frame.fmt, frame.width, frame.height, frame.track_id) == (PixelFormat.I420, 320, 240, track_id)
    luma = np.frombuffer(frame.data, np.uint8)[: 320 * 240]
    assert luma.mean() == pytest.approx(180, abs=6)

    await health_until(hub, lambda facts: facts["ipc"]["video_tracks"] == 1)
    await alice.room.local_participant.unpublish_track(track_id)
    await health_until(hub, lambda facts: facts["ipc"]["video_tracks"] == 0)


async def test_speech_of_any_rate_is_heard_until_it_is_flushed(hub: Any, agent: Any, join: Callable[..., Any]) -> None:
    alice = await join(hub, "alice-voice")
    await alice.send(b"hello")
    await eventually(lambda: agent.texts("alice-voice"))

    for rate_hz in (22_050, 48_000, 16_000):
        spoken_at = time.monotonic()
        await agent.say("alice-voice", hz=500, seconds=0.4, rate_hz=rate_hz)
        await eventually(lambda at=spoken_at: len(alice.loud_since(at)) >= 35)
        await eventually(lambda: alice.peaks[-1][1] < 1000)
    assert alice.senders == {HUB}

    await agent.say("alice-voice", hz=500, seconds=20)
    long_at = time.monotonic()
    await eventually(lambda: alice.loud_since(long_at))
    flushed_at = time.monotonic()
    await agent.endpoint.flush_return_audio("alice-voice")
    # A machine that stalls sounds quiet too, for a moment: a second in frames of 10 ms is the end of it.
    await eventually(lambda: all(peak < 1000 for _, peak in alice.peaks[-100:]))
    # 100 ms of jitter buffer and network remain; the rest is for a loaded machine.
    assert len(alice.loud_since(flushed_at)) < 200, "twenty seconds were under way, or came back"


async def test_whoever_comes_while_the_return_track_is_refused_is_heard_and_spoken_to_once_it_is_not(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "alice-muted"})
    room, said_before = admission["room"], len(hub.output)

    async def allow(can_publish: bool) -> None:
        permission = ParticipantPermission(can_publish=can_publish, can_publish_data=True, can_subscribe=True)
        request = api.UpdateParticipantRequest(room=room, identity=HUB, permission=permission)
        server = f"http://127.0.0.1:{hub.config['lk_port_ws']}"
        async with api.LiveKitAPI(server, "xr-hub", SPARE_SECRET) as livekit:
            await livekit.room.update_participant(request)

    await allow(False)
    alice = await join.admitted(admission)
    await alice.publish_tone()
    await eventually(lambda: agent.peak("alice-muted") > 0.1)
    await alice.send(b"do you hear me?")
    await eventually(lambda: agent.texts("alice-muted"))
    await eventually(lambda: re.search("the return track (could|was) not", hub.output[said_before:]))
    await allow(True)
    spoken_at = time.monotonic()
    await agent.say("alice-muted", hz=500, seconds=0.5)
    await eventually(lambda: alice.loud_since(spoken_at))
    assert len(alice.room.remote_participants[HUB].track_publications) == 1


async def test_what_cannot_be_delivered_is_counted(hub: Any, agent: Any, join: Callable[..., Any]) -> None:
    alice = await join(hub, "alice-loss")
    await alice.send(b"hello")
    await eventually(lambda: agent.texts("alice-loss"))

    await agent.tell("alice-loss", "scene", bytes(MAX_DATA_BYTES + 1))
    await agent.endpoint.send_return_audio(AudioChunk(0, 1, 1, 1, bytes(4), "alice-loss", "voice"))
    await agent.tell("alice-loss", "scene", b"y" * 50_000)

    await eventually(lambda: alice.data)
    assert [len(data) for _, data, _ in alice.data] == [50_000]
    facts = await health_until(hub, lambda facts: facts["participants"]["alice-loss"]["dropped_audio_out"] == 1)
    assert sum(facts["ipc"]["dropped"].values()) > 0
    assert f"{MAX_DATA_BYTES + 1} bytes" in hub.output


async def test_leaving_is_told_once_and_after_a_grace(hub: Any, agent: Any, join: Callable[..., Any]) -> None:
    alice = await join(hub, "alice-leaves")
    await alice.publish_tone()
    await eventually(lambda: agent.peak("alice-leaves") > 0)

    left_at = time.monotonic()
    await alice.leave()
    await eventually(lambda: "alice-leaves" not in agent.endpoint.connected_participants)
    assert time.monotonic() - left_at > 1.0, "a client that reconnects would have been reported as gone"
    events = [event.joined for event in agent.events if event.participant_id == "alice-leaves"]
    assert events == [True, False]


@pytest.mark.parametrize("kind", ["sound", "picture"])
@pytest.mark.parametrize("manner", ["unpublish", "rejoin"])
async def test_a_stream_never_carries_the_next_tracks_media(
    hub: Any, agent: Any, join: Callable[..., Any], kind: str, manner: str
) -> None:
    """The transport reuses its slots: a reader that outlived its track would go on with the next one's media."""
    name = f"alice-{kind}-{manner}"
    _, admission = await get_json(f"{hub.url}/token", params={"identity": name})
    alice = await join.admitted(admission)

    def publish(strength: float) -> Any:
        return alice.publish_tone(level=strength) if kind == "sound" else alice.publish_colour(int(250 * strength))

    def arrived(track_id: str) -> list[Any]:
        source = agent.audio if kind == "sound" else agent.frames
        return [each for each in source if each.track_id == track_id]

    first = await publish(0.2)
    await eventually(lambda: len(arrived(first)) > 10)
    if manner == "unpublish":
        await alice.room.local_participant.unpublish_track(first)
    else:
        await alice.leave()
        alice = await join.admitted(admission)
    second = await publish(0.8)
    await eventually(lambda: f"track {first} ended" in hub.output)
    seen = len(arrived(second))
    await eventually(lambda: len(arrived(second)) > seen + 5)  # what was under way has arrived

    count_of_first = len(arrived(first))
    await eventually(lambda: len(arrived(second)) > seen + 30)
    assert len(arrived(first)) == count_of_first, "the ended track still delivers"
