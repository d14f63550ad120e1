"""Against a real LiveKit server: data and sound both ways, and whose sound it is."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from xr_ai_client import HUB_IDENTITY, ConnectionFailedError, HeardAudio, NotConnectedError, Participant
from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

RATE_HZ = 48_000


def tone(hz: float, seconds: float, rate_hz: int = RATE_HZ, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)


def pitch_hz(audio: list[HeardAudio]) -> float:
    """The strongest frequency of what was heard."""
    samples = np.concatenate([piece.samples for piece in audio]).astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE_HZ / len(samples))


def loud(audio: list[HeardAudio]) -> list[HeardAudio]:
    return [piece for piece in audio if piece.rms > 0.05]


async def test_data_and_sound_pass_both_ways(media_server):
    room = "both-ways"
    hub = await Participant.connect(media_server.url, media_server.token(HUB_IDENTITY, room), hub_identity=None)
    alice = await Participant.connect(media_server.url, media_server.token("alice", room))
    async with hub, alice:
        assert alice.identity == "alice"
        at_hub, at_alice, hub_heard, alice_heard = [], [], [], []
        hub.on_data(at_hub.append)
        alice.on_data(at_alice.append)
        hub.on_audio(hub_heard.append)
        alice.on_audio(alice_heard.append)

        # What comes from somebody not yet announced has no sender.
        await eventually(lambda: hub.peers == {"alice"} and alice.peers == {HUB_IDENTITY})
        await alice.send_data("view.pose", b"{}")
        await eventually(lambda: at_hub)
        assert (at_hub[0].topic, at_hub[0].data, at_hub[0].sender) == ("view.pose", b"{}", "alice")
        await hub.send_data("agent.response", "done ✓".encode())
        await eventually(lambda: at_alice)
        assert (at_alice[0].topic, at_alice[0].text, at_alice[0].sender) == ("agent.response", "done ✓", HUB_IDENTITY)

        await asyncio.gather(alice.open_microphone(), hub.open_microphone())
        await eventually(lambda: hub_heard and alice_heard, what="both hear each other's silence")
        await asyncio.gather(alice.say(tone(440, 1.5), RATE_HZ), hub.say(tone(880, 1.5), RATE_HZ))
        await eventually(lambda: len(loud(hub_heard)) > 50 and len(loud(alice_heard)) > 50)
        assert pitch_hz(loud(hub_heard)) == pytest.approx(440, abs=15)
        assert pitch_hz(loud(alice_heard)) == pytest.approx(880, abs=15)
        assert {piece.sender for piece in alice_heard} == {HUB_IDENTITY}


async def test_only_the_hub_is_heard_and_answered_even_in_a_room_full_of_others(media_server):
    room = "crowd"
    mallory = await Participant.connect(media_server.url, media_server.token("mallory", room), hub_identity=None)
    hub = await Participant.connect(media_server.url, media_server.token(HUB_IDENTITY, room), hub_identity=None)
    alice = await Participant.connect(media_server.url, media_server.token("alice", room))
    async with mallory, hub, alice:
        got, heard, overheard = [], [], []
        alice.on_data(got.append)
        alice.on_audio(heard.append)
        mallory.on_data(overheard.append)
        await hub.open_microphone()
        await eventually(lambda: heard, what="the hub's silence is heard")
        await mallory.send_data("agent.response", b"I am the hub")
        talking = asyncio.create_task(mallory.say(tone(300, 1.0), RATE_HZ))
        await hub.say(tone(880, 0.5), RATE_HZ)
        await alice.send_data("secret", b"for the hub")
        await hub.send_data("end", b"")
        await eventually(lambda: got and overheard and loud(heard))
        await talking
        assert [message.topic for message in got] == ["end"]
        assert {piece.sender for piece in heard} == {HUB_IDENTITY}
        assert [message.topic for message in overheard] == ["end"]


async def test_a_stream_never_carries_the_next_participant_s_sound(media_server):
    room = "stale"
    listener = await Participant.connect(media_server.url, media_server.token("listener", room), hub_identity=None)
    async with listener:
        heard: list[HeardAudio] = []
        listener.on_audio(heard.append)
        # Three times: the transport reuses the line of whoever left.
        pitches = {"first": 400.0, "second": 900.0, "third": 1500.0}
        for name, hz in pitches.items():
            speaker = await Participant.connect(media_server.url, media_server.token(name, room), hub_identity=None)
            async with speaker:
                await speaker.open_microphone()
                await eventually(lambda name=name: any(piece.sender == name for piece in heard))
                await speaker.say(tone(hz, 1.2), RATE_HZ)
            await eventually(lambda: not listener._streams.track_sids, what="the stream ends with its track")
            before = len(heard)
            await eventually(lambda: not listener._streams._tasks)
            assert len(heard) == before, "silence of a track that is gone"
        for name, hz in pitches.items():
            theirs = loud([piece for piece in heard if piece.sender == name])
            assert len(theirs) > 30
            assert pitch_hz(theirs) == pytest.approx(hz, abs=25)
        assert len({piece.track_sid for piece in heard}) == 3


async def test_a_wav_of_another_rate_is_said_in_real_time_at_its_own_pitch(media_server, tmp_path: Path):
    path = tmp_path / "hello.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16_000)
        mono = (tone(500, 1.0, 16_000) * 32_767).astype("<i2")
        file.writeframes(np.repeat(mono, 2).tobytes())
    room = "wav"
    hub = await Participant.connect(media_server.url, media_server.token(HUB_IDENTITY, room), hub_identity=None)
    alice = await Participant.connect(media_server.url, media_server.token("alice", room))
    async with hub, alice:
        heard: list[HeardAudio] = []
        hub.on_audio(heard.append)
        await alice.open_microphone()
        await eventually(lambda: heard, what="a microphone sounds before anything is said")
        started = asyncio.get_running_loop().time()
        await alice.say_wav(path)
        # However busy the machine is, never sooner than a voice would.
        assert asyncio.get_running_loop().time() - started > 0.8
        await eventually(lambda: len(loud(heard)) > 50)
        assert pitch_hz(loud(heard)) == pytest.approx(500, abs=15)


async def test_a_left_participant_says_so_and_ends_its_iterations(media_server):
    alice = await Participant.connect(media_server.url, media_server.token("alice", "leaving"))
    messages, sounds = alice.data(), alice.audio()
    await alice.aclose()
    await alice.aclose()
    assert [message async for message in messages] == []
    assert [sound async for sound in sounds] == []
    await alice.wait_disconnected()
    for use in (alice.send_data("t", b""), alice.open_microphone(), alice.say(np.zeros(10), RATE_HZ)):
        with pytest.raises(NotConnectedError, match="alice"):
            await use


async def test_a_token_of_another_server_is_refused_in_words(media_server):
    with pytest.raises(ConnectionFailedError, match="no way into the room"):
        await Participant.connect(media_server.url, "not a token")
