"""What goes back to one participant: the data messages of docs/contracts.md."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from xr_ai_agent import DataMessage
from xr_render_demo_worker.context import Request

__all__ = ("Activity", "Outbox", "ReturnPath", "Status")

Status: TypeAlias = Literal["loading", "idle", "listening", "processing", "speaking"]
Activity: TypeAlias = Literal["loading", "listening", "processing", "speaking"]
# What the person does comes first; then what they hear; then what they wait for.
_PRECEDENCE: tuple[Activity, ...] = ("loading", "listening", "speaking", "processing")

# A request follows what was heard, and speech follows a request: "idle" in between would be a flicker, and a lie.
_FOLLOWED_SOON = frozenset({"listening", "processing"})
_IDLE_SETTLE_S = 0.25


class ReturnPath(Protocol):
    """The part of an agent's endpoint that sends to participants."""

    async def send_return_data(self, message: DataMessage) -> object:
        """Send bytes under a topic."""
        ...

    async def set_status(self, status: str, participant_id: str | None = None) -> None:
        """Tell what the agent is doing."""
        ...


@dataclass
class Outbox:
    """Messages to ``participant_id``; its status is sent when it changes."""

    participant_id: str
    endpoint: ReturnPath
    _activities: set[Activity] = field(default_factory=set)
    _sent_status: Status | None = None
    _settling: asyncio.Task[None] | None = None

    async def transcript(self, request: Request) -> None:
        """Show what was heard or typed."""
        body = {
            "text": request.text,
            "final": True,
            "confidence": request.confidence,
            "source": "voice" if request.is_spoken else "typed",
        }
        await self._send("agent.transcript", json.dumps(body))

    async def progress(self, text: str) -> None:
        """Show an acknowledgement or a step."""
        await self._send("agent.progress", text)

    async def response(self, text: str) -> None:
        """Show the final reply of a turn."""
        await self._send("agent.response", text)

    async def render_ready(self) -> None:
        """Tell that the renderer runs."""
        await self._send("render.ready", "")

    async def render_failed(self, reason: str) -> None:
        """Tell why the renderer does not run."""
        await self._send("render.failed", reason)

    async def camera(self, action: Literal["startCamera", "stopCamera"]) -> None:
        """Ask the page to switch its camera."""
        await self._send("clientControl", json.dumps({"action": action}))

    async def begin(self, activity: Activity) -> None:
        """An activity began; the most telling one is the status."""
        self._activities.add(activity)
        await self._update_status()

    async def end(self, activity: Activity) -> None:
        """An activity ended."""
        self._activities.discard(activity)
        await self._update_status()

    async def repeat_status(self) -> None:
        """Send the status again, for somebody who just came back."""
        self._sent_status = None
        await self._update_status()

    async def _update_status(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        status: Status = next((each for each in _PRECEDENCE if each in self._activities), "idle")
        if status == "idle" and self._sent_status in _FOLLOWED_SOON:
            self._settling = asyncio.create_task(self._send_idle_soon(), name=f"status-{self.participant_id}")
        elif status != self._sent_status:
            await self._send_status(status)

    async def _send_idle_soon(self) -> None:
        await asyncio.sleep(_IDLE_SETTLE_S)
        self._settling = None
        await self._send_status("idle")

    async def _send_status(self, status: Status) -> None:
        self._sent_status = status
        await self.endpoint.set_status(status, self.participant_id)

    async def _send(self, topic: str, text: str) -> None:
        message = DataMessage(self.participant_id, topic, time.time_ns() // 1000, text.encode())
        await self.endpoint.send_return_data(message)
