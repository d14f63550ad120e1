"""Agents on a hub's sockets, in the test's own process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import numpy as np

from kit.hub import HubProcess
from kit.processes import WAIT_LIMIT_S
from xr_ai_agent import AudioChunk, DataMessage, FrameSignal, ParticipantEvent, ProcessorEndpoint

__all__ = ("Agent", "endpoint_of", "running", "running_agent", "tone_chunks")


def endpoint_of(hub: HubProcess, name: str = "") -> ProcessorEndpoint:
    """An agent's end of the hub's sockets, not running yet."""
    return ProcessorEndpoint(sub_addr=hub.config["hub_sub_addr"], push_addr=hub.config["hub_push_addr"], name=name)


@asynccontextmanager
async def running(endpoint: ProcessorEndpoint) -> AsyncIterator[None]:
    """Run an agent until the block ends."""
    task = asyncio.create_task(endpoint.run())
    try:
        yield
    finally:
        endpoint.stop()
        with suppress(asyncio.CancelledError):
            await task
        endpoint.close()


class Agent:
    """An agent program on the hub's sockets that keeps everything it gets."""

    def __init__(self, hub: HubProcess, name: str = "") -> None:
        self.endpoint = endpoint_of(hub, name)
        self.data: list[DataMessage] = []
        self.audio: list[AudioChunk] = []
        self.frames: list[FrameSignal] = []
        self.events: list[ParticipantEvent] = []
        self.endpoint.on_data(self.data.append)
        self.endpoint.on_audio(self.audio.append)
        self.endpoint.on_frame(self.frames.append)
        self.endpoint.on_participant(self.events.append)

    def texts(self, participant_id: str, topic: str = "") -> list[bytes]:
        """What a participant has sent under a topic."""
        return [each.data for each in self.data if (each.participant_id, each.topic) == (participant_id, topic)]

    def peak(self, participant_id: str, last: int = 20) -> float:
        """The loudest sample, 0 to 1, of the last chunks of a participant."""
        chunks = [each for each in self.audio if each.participant_id == participant_id][-last:]
        return max((float(np.abs(np.frombuffer(each.data, "<f4")).max()) for each in chunks), default=0.0)

    async def say(self, participant_id: str, hz: float, seconds: float, rate_hz: int = 22_050) -> None:
        """Sound a tone at a participant."""
        for chunk in tone_chunks(hz, seconds, rate_hz):
            samples = len(chunk) // 4
            await self.endpoint.send_return_audio(AudioChunk(0, rate_hz, 1, samples, chunk, participant_id, "voice"))

    async def tell(self, participant_id: str, topic: str, data: bytes) -> None:
        """Send data to a participant."""
        await self.endpoint.send_return_data(DataMessage(participant_id, topic, 0, data))


@asynccontextmanager
async def running_agent(hub: HubProcess, name: str = "") -> AsyncIterator[Agent]:
    """An agent that runs until the block ends, and hears all that is said within it."""
    agent = Agent(hub, name)
    async with running(agent.endpoint):
        async with asyncio.timeout(WAIT_LIMIT_S):
            await agent.endpoint.wait_connected()
        yield agent


def tone_chunks(hz: float, seconds: float, rate_hz: int) -> list[bytes]:
    """A tone in chunks of 20 ms, mono, float32."""
    wave = (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)).astype("<f4")
    step = rate_hz // 50
    return [wave[start : start + step].tobytes() for start in range(0, len(wave), step)]
