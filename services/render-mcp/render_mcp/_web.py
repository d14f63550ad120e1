"""The web renderer: each participant's own page draws the scene; the operations reach it as data messages."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from render_mcp._scene import Operation, SceneObject, SceneStore
from render_mcp._wire import encode, encode_sync
from xr_ai_agent import DataMessage, ParticipantEvent, ProcessorEndpoint
from xr_ai_program.mcp import Participants

logger = logging.getLogger(__name__)

_SCENE_TOPIC = "scene"
_HELLO_TOPIC = "scene.hello"
# A page that is this far behind is brought up to date as a whole: cheaper than the history.
_MAX_PENDING = 256
_RETRY_S = 0.25
_NS_PER_US = 1000


class WebRenderer:
    """Keeps every connected page equal to its scene.

    One task sends everything in the order of the changes; a page that joins, says ``scene.hello``, falls behind or
    loses a message gets the whole scene again, so no state depends on a page being there in time.
    """

    name = "web"

    def __init__(self, hub: ProcessorEndpoint, scenes: SceneStore, participants: Participants) -> None:
        self._hub = hub
        self._scenes = scenes
        self._participants = participants
        self._pages: dict[str, _Page] = {}
        self._has_work = asyncio.Event()
        self._drops = 0
        hub.on_participant(self._on_participant)
        hub.on_data(self._on_data)

    def apply(self, participant_id: str, operations: Sequence[Operation]) -> None:
        """Queue the changes for the pages that show this scene; pages that come later get all of it anyway."""
        messages = [encode(operation) for operation in operations]
        for name, page in self._pages.items():
            if messages and (self._scenes.is_shared or name == participant_id):
                page.push(messages)
                self._has_work.set()

    def start(self, participant_id: str) -> dict[str, Any]:
        """Nothing needs starting: a page draws from the moment it is there."""
        return {"status": "already_started" if self._can_see(participant_id) else "starting"}

    def health(self, participant_id: str) -> dict[str, Any]:
        """Return the contract's facts; "started" means that a page is connected to see this scene."""
        can_see = self._can_see(participant_id)
        return {
            "lovr_started": can_see,
            "spawn_error": None,
            "render_drops": self._drops,
            "page_connected": can_see,
        }

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            for name, page in list(self._pages.items()):
                for data in page.take(self._scenes.scene_of(name)):
                    if not await self._send(name, data):
                        page.needs_sync = True
                        self._drops += 1
                        asyncio.get_running_loop().call_later(_RETRY_S, self._has_work.set)
                        break

    def _can_see(self, participant_id: str) -> bool:
        return bool(self._pages) if self._scenes.is_shared else participant_id in self._pages

    def _on_participant(self, event: ParticipantEvent) -> None:
        if not event.joined:
            self._participants.left(event.participant_id)
            self._pages.pop(event.participant_id, None)
        elif self._participants.joined(event.participant_id):
            self._bring_up_to_date(event.participant_id)

    def _on_data(self, message: DataMessage) -> None:
        # A hello of somebody who is not connected (any more) has nobody to be answered to.
        if message.topic == _HELLO_TOPIC and message.participant_id in self._pages:
            self._bring_up_to_date(message.participant_id)

    def _bring_up_to_date(self, participant_id: str) -> None:
        self._pages.setdefault(participant_id, _Page()).needs_sync = True
        self._has_work.set()

    async def _send(self, participant_id: str, data: bytes) -> bool:
        message = DataMessage(participant_id, _SCENE_TOPIC, time.time_ns() // _NS_PER_US, data)
        return await self._hub.send_return_data(message)


class _Page:
    """What one connected page has not been sent yet."""

    def __init__(self) -> None:
        self.needs_sync = False
        self._pending: deque[bytes] = deque()

    def push(self, messages: Iterable[bytes]) -> None:
        self._pending.extend(messages)
        if len(self._pending) > _MAX_PENDING:
            self.needs_sync = True

    def take(self, scene: Iterable[SceneObject]) -> list[bytes]:
        """Return what to send now. Both the snapshot and the queue are taken in one step: nothing falls between."""
        messages = list(encode_sync(scene)) if self.needs_sync else list(self._pending)
        self._pending.clear()
        self.needs_sync = False
        return messages
