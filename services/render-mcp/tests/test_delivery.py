"""The web renderer when the way to a page is bad: nothing a page shows may stay wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgpack

from render_mcp._scene import SceneStore
from render_mcp._web import WebRenderer
from xr_ai_agent import DataMessage, ParticipantEvent
from xr_ai_program.mcp import Participants
from xr_ai_program.testing import eventually

HERE, RED = (0.0, 1.0, -1.0), (1.0, 0.0, 0.0)


class BadHub:
    """A hub that refuses messages on command: a real one only does after seconds of overload."""

    def __init__(self) -> None:
        self.refuse = 0
        self.delivered: list[dict[str, Any]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def on_data(self, callback: Callable[[DataMessage], None]) -> None:
        self.say = callback

    def on_participant(self, callback: Callable[[ParticipantEvent], None]) -> None:
        self.tell = callback

    async def send_return_data(self, message: DataMessage) -> bool:
        await self.gate.wait()
        if self.refuse:
            self.refuse -= 1
            return False
        self.delivered.append(msgpack.unpackb(message.data))
        return True


@asynccontextmanager
async def rendering(hub: BadHub) -> AsyncIterator[tuple[WebRenderer, SceneStore]]:
    scenes = SceneStore()
    renderer = WebRenderer(hub, scenes, Participants())  # type: ignore[arg-type]
    running = asyncio.ensure_future(renderer.run())
    hub.tell(ParticipantEvent("alice", True, 0))
    try:
        yield renderer, scenes
    finally:
        running.cancel()


def add(renderer: WebRenderer, scenes: SceneStore, count: int = 1) -> None:
    for _ in range(count):
        _, operations = scenes.scene_of("alice").add("box", HERE, RED, 0.1)
        renderer.apply("alice", operations)


async def test_a_lost_message_is_counted_and_healed_by_the_whole_scene():
    hub = BadHub()
    async with rendering(hub) as (renderer, scenes):
        await eventually(lambda: len(hub.delivered) == 1)
        hub.refuse = 2
        add(renderer, scenes, 3)
        await eventually(lambda: len(hub.delivered) == 2)
        assert hub.delivered[1]["op"] == "scene.sync"
        assert [item["id"] for item in hub.delivered[1]["value"]["objects"]] == ["box-0", "box-1", "box-2"]
        assert renderer.health("alice")["render_drops"] == 2


async def test_a_page_that_is_far_behind_gets_the_scene_instead_of_the_history():
    hub = BadHub()
    async with rendering(hub) as (renderer, scenes):
        await eventually(lambda: len(hub.delivered) == 1)
        hub.gate.clear()
        add(renderer, scenes)
        for number in range(1000):
            renderer.apply("alice", scenes.scene_of("alice").update("box-0", size=number + 1.0))
        hub.gate.set()
        await eventually(lambda: hub.delivered[-1]["op"] == "scene.sync" and len(hub.delivered) > 1)
        assert len(hub.delivered) < 10
        assert hub.delivered[-1]["value"]["objects"][0]["size"] == 1000.0


async def test_changes_for_somebody_who_is_not_there_are_not_kept_as_messages():
    hub = BadHub()
    async with rendering(hub) as (renderer, scenes):
        await eventually(lambda: len(hub.delivered) == 1)
        hub.tell(ParticipantEvent("alice", False, 0))
        add(renderer, scenes, 5)
        hub.say(DataMessage("alice", "scene.hello", 0, b""))
        hub.tell(ParticipantEvent("alice", True, 0))
        await eventually(lambda: len(hub.delivered) == 2)
        assert len(hub.delivered[1]["value"]["objects"]) == 5
