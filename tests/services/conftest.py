"""Fixtures of the programs that live at a hub: a real hub with people in it, played by the test."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from xr_ai_program.testing import eventually


class Room:
    """A hub on sockets of its own, and a transport whose participants the test plays."""

    def __init__(self, folder: Path) -> None:
        from xr_ai_agent import DataMessage, HubEndpoint

        self._message = DataMessage
        self.addresses = {"XR_HUB_PUB": f"ipc://{folder}/pub", "XR_HUB_IN": f"ipc://{folder}/in"}
        self.hub = HubEndpoint(self.addresses["XR_HUB_IN"], self.addresses["XR_HUB_PUB"])
        self.transport = self.hub.connect_local("test")
        self.received: defaultdict[str, list[Any]] = defaultdict(list)
        self.transport.on_return_data(lambda message: self.received[message.participant_id].append(message))

    async def programs(self, count: int) -> None:
        """Wait until that many programs are connected to the hub."""
        await eventually(lambda: self.hub.stats().peers >= count)

    async def join(self, *participants: str) -> None:
        for participant in participants:
            await self.transport.notify_participant_joined(participant, time.time_ns() // 1000)

    async def leave(self, participant: str) -> None:
        await self.transport.notify_participant_left(participant, time.time_ns() // 1000)

    async def send(self, participant: str, topic: str, data: bytes = b"") -> None:
        await self.transport.push_data(self._message(participant, topic, time.time_ns() // 1000, data))

    def data(self, participant: str, topic: str) -> list[bytes]:
        """What a participant has received under a topic so far."""
        return [message.data for message in self.received[participant] if message.topic == topic]


@pytest.fixture(scope="module")
async def room(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Room]:
    """A room that a module's tests share; use a participant of your own in each test."""
    room = Room(tmp_path_factory.mktemp("hub"))
    running = asyncio.ensure_future(room.hub.run())
    yield room
    room.hub.close()
    await running
