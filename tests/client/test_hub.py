"""Through a real hub, as a browser goes: token, certificate, proxy, and an agent at the other end."""

import asyncio
import time
from pathlib import Path

import httpx2
import numpy as np
import pytest

from xr_ai_agent import AudioChunk, DataMessage, PixelFormat
from xr_ai_client import ConnectionFailedError, JoinRefusedError, Participant
from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

RATE_HZ = 48_000


async def test_a_participant_talks_to_an_agent_and_is_answered(hub, agent):
    async def echo(message: DataMessage) -> None:
        await agent.send_return_data(DataMessage(message.participant_id, "agent.response", 0, message.data.upper()))

    chunks: list[AudioChunk] = []
    agent.on_data(echo)
    agent.on_audio(lambda chunk: chunks.append(chunk) if chunk.participant_id == "alice" else None)
    async with await Participant.join(hub.url, "alice", code=hub.join_code, verify=False) as alice:
        inbox, heard = alice.data(), []
        alice.on_audio(heard.append)
        await alice.send_data("", b"put a red cube")
        async with asyncio.timeout(60):
            message = await anext(inbox)
        assert (message.topic, message.data) == ("agent.response", b"PUT A RED CUBE")

        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)
        await alice.say(tone, RATE_HZ)
        await eventually(lambda: max((np.abs(np.frombuffer(c.data, "<f4")).max() for c in chunks), default=0) > 0.3)

        voice = (0.5 * np.sin(2 * np.pi * 600 * np.arange(22_050) / 22_050)).astype("<f4")
        for start in range(0, len(voice), 441):
            part = voice[start : start + 441]
            await agent.send_return_audio(AudioChunk(0, 22_050, 1, len(part), part.tobytes(), "alice", "voice"))
        await eventually(lambda: sum(piece.rms > 0.1 for piece in heard) > 50)
    await eventually(lambda: "alice" not in agent.connected_participants)


async def test_an_agent_sees_the_camera_s_newest_picture(hub, agent):
    async with await Participant.join(hub.url, "eve", code=hub.join_code, verify=False) as eve:
        camera = await eve.open_camera(np.full((240, 320, 3), (255, 0, 0), np.uint8))
        signals: list = []
        agent.on_frame(lambda signal: signals.append(signal) if signal.participant_id == "eve" else None)
        await eventually(lambda: signals)
        frame = await agent.request_frame(signals[-1], timeout=60)
        # On a busy machine the sender may make it smaller.
        assert (frame.fmt, frame.width / frame.height) == (PixelFormat.I420, 320 / 240)
        assert _mean_luma(frame) == pytest.approx(81, abs=12)
        camera.show(np.full((240, 320, 3), 255, np.uint8))
        deadline = time.monotonic() + 60
        while _mean_luma(await agent.request_frame(signals[-1], timeout=60)) < 200:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        await eve.close_camera(camera)
        track = signals[-1]
        while await agent.request_frame(track) is not None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


def _mean_luma(frame) -> float:
    return float(np.frombuffer(frame.data, np.uint8)[: frame.width * frame.height].mean())


async def test_two_participants_hear_only_their_own_answers(hub, agent):
    people = [await Participant.join(hub.url, name, code=hub.join_code, verify=False) for name in ("ann", "ben")]
    got = {person.identity: [] for person in people}
    for person in people:
        person.on_data(got[person.identity].append)
        await person.send_data("hello", b"")
    await eventually(lambda: {"ann", "ben"} <= agent.connected_participants)
    for number in range(20):
        for name in got:
            await agent.send_return_data(DataMessage(name, str(number), 0, name.encode()))
    await eventually(lambda: all(len(messages) == 20 for messages in got.values()))
    for name, messages in got.items():
        assert {message.data.decode() for message in messages} == {name}
    for person in people:
        await person.aclose()


async def test_the_hub_s_own_certificate_is_enough_and_no_certificate_is_not(hub, tmp_path: Path):
    async with httpx2.AsyncClient(verify=False) as http:
        reply = await http.get(f"{hub.url}/cert")
    ca_file = tmp_path / "hub.crt"
    ca_file.write_bytes(reply.content)
    async with await Participant.join(hub.url, "carol", code=hub.join_code, ca_file=ca_file) as carol:
        assert carol.is_connected
    with pytest.raises(ConnectionFailedError, match="CERTIFICATE_VERIFY_FAILED"):
        await Participant.join(hub.url, "carol", code=hub.join_code)


@pytest.mark.parametrize(("identity", "code"), [("a.b", "sesame"), ("xr-hub-connector", "sesame"), ("dan", "wrong")])
async def test_a_refusal_carries_the_hub_s_reason(hub, identity, code):
    with pytest.raises(JoinRefusedError, match="refuses") as caught:
        await Participant.join(hub.url, identity, code=code, verify=False)
    assert caught.value.status in (400, 403, 409)
