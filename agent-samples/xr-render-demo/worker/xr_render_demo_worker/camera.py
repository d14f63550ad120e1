"""Looking through a participant's camera: turned on when needed or asked for, and off again when we turned it on."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from xr_ai_agent import FrameData, FrameSignal
from xr_ai_models import ModelError, ToolDef, VLMService
from xr_render_demo_worker._errors import LookError
from xr_render_demo_worker.frame_image import to_jpeg
from xr_render_demo_worker.outbox import Outbox

__all__ = ("LOOK_TOOL", "TURN_CAMERA_TOOL", "Camera", "CameraTimes", "FrameSource")

logger = logging.getLogger(__name__)

LOOK_TOOL = ToolDef(
    "look_at_current_frame",
    "Look at what the person's camera sees right now and answer a question about the real world around them.",
    {
        "type": "object",
        "properties": {"question": {"type": "string", "description": "What to find out, in plain words."}},
        "required": ["question"],
    },
)

TURN_CAMERA_TOOL = ToolDef(
    "turn_camera",
    "Turn the person's camera on or off because they asked for that. A look needs none: it turns it on by itself.",
    {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]},
)

_VLM_PROMPT = "Answer in one short sentence about what the picture shows. Say so when it cannot be seen."
_FRAME_TIMEOUT_S = 1.0
# A camera that gives no picture for this part of the time that it may take to end has ended.
_QUIET_SHARE = 0.4
_US_PER_S = 1_000_000


class FrameSource(Protocol):
    """The part of an agent's endpoint that fetches pixels."""

    async def request_frame(self, signal: FrameSignal, /, timeout: float = 1.0) -> FrameData | None:
        """Return the newest frame of the signal's track."""
        ...


@dataclass(frozen=True)
class CameraTimes:
    """Seconds: an older frame is stale; how long to wait for a camera that the person has allowed, and for one that
    they may have to allow first; how long a camera that we started stays on, and how long we stay ready to be allowed;
    how long one that is let go may still deliver.
    """

    max_age_s: float
    start_timeout_s: float
    permission_timeout_s: float
    grace_s: float
    question_s: float
    release_s: float


@dataclass
class Camera:
    """One participant's camera as the agent sees it."""

    source: FrameSource
    vlm: VLMService
    outbox: Outbox
    times: CameraTimes
    _newest: FrameSignal | None = None
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _is_allowed: bool = False
    _started_by_us: bool = False
    _is_wanted: bool = False
    """The person asked for it to be on: it stays on after a look."""
    _stopping: asyncio.Task[None] | None = None

    def saw(self, signal: FrameSignal) -> None:
        """Note that a frame exists."""
        self._newest = signal
        self._is_allowed = True
        self._arrived.set()

    async def look(self, question: str, progress: Callable[[str], Awaitable[None]]) -> str:
        """Answer a question about the newest frame.

        Raises:
            LookError: there is no picture, or the vision model cannot answer.
        """
        self._cancel_stop()
        try:
            frame = await self._frame(progress)
            picture = await asyncio.to_thread(to_jpeg, frame)
            return await self.vlm.ask_image(picture, question, system_prompt=_VLM_PROMPT, max_tokens=200)
        except ModelError as error:
            logger.warning("%s: %s", self.outbox.participant_id, error)
            raise LookError("vision_unavailable", "there is a picture, but the vision model does not answer") from error
        except ValueError as error:
            raise LookError("no_picture", f"the camera's picture cannot be read: {error}") from error
        finally:
            self._schedule_stop()

    async def turn_on(self) -> bool:
        """Start the camera and leave it on; return whether it was off before.

        Raises:
            LookError: the person has not allowed it yet; if they do while the page asks, it stays on.
        """
        self._cancel_stop()
        self._is_wanted = True
        try:
            if self._fresh_signal() is not None:
                return False
            await self._started_signal()
            return True
        finally:
            self._schedule_stop()

    async def turn_off(self) -> bool:
        """Let the camera go, and a question for it too; return whether it was on before.

        Raises:
            LookError: it goes on, because the person turned it on at the page and only they can turn it off there.
        """
        self._cancel_stop()
        self._is_wanted = self._started_by_us = False
        was_on = self._fresh_signal() is not None
        await self.outbox.camera("stopCamera")
        if was_on and await self._still_delivers():
            raise LookError("held_by_person", "the person turned the camera on; its button on the page turns it off")
        self._newest = None
        return was_on

    async def _still_delivers(self) -> bool:
        """Whether pictures come even after those that were on their way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.times.release_s):
                while await self._another_within(self.times.release_s * _QUIET_SHARE):
                    pass
                return False
        return True

    async def _another_within(self, seconds: float) -> bool:
        self._arrived.clear()
        try:
            async with asyncio.timeout(seconds):
                return await self._arrived.wait()
        except TimeoutError:
            return False

    async def close(self) -> None:
        """Forget the camera; the participant is gone."""
        self._cancel_stop()

    async def _frame(self, progress: Callable[[str], Awaitable[None]]) -> FrameData:
        signal = self._fresh_signal()
        if signal is None:
            # One that ran and does not now was turned off by the person: no longer what they asked for.
            self._is_wanted = self._is_wanted and not self._is_allowed
            await progress("Turning on the camera" if self._is_allowed else "Asking for your camera")
            signal = await self._started_signal()
        frame = await self.source.request_frame(signal, timeout=_FRAME_TIMEOUT_S)
        if frame is None:
            raise LookError("no_picture", "the camera is on but gave no picture")
        return frame

    async def _started_signal(self) -> FrameSignal:
        self._arrived.clear()
        await self.outbox.camera("startCamera")
        self._started_by_us = True
        # Whoever has to be asked first takes longer than anybody wants to wait in silence; they can ask again.
        timeout_s = self.times.start_timeout_s if self._is_allowed else self.times.permission_timeout_s
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        signal = self._fresh_signal()
        if signal is None:
            self._is_allowed = False
            raise LookError("camera_off", "the camera is off or not allowed; the person has been asked to allow it")
        return signal

    def _fresh_signal(self) -> FrameSignal | None:
        newest = self._newest
        if newest is None or time.time() - newest.pts_us / _US_PER_S > self.times.max_age_s:
            return None
        return newest

    def _schedule_stop(self) -> None:
        if self._started_by_us:
            self._cancel_stop()
            self._stopping = asyncio.create_task(self._stop_after_grace(), name="camera-stop")

    def _cancel_stop(self) -> None:
        if self._stopping is not None:
            self._stopping.cancel()
            self._stopping = None

    async def _stop_after_grace(self) -> None:
        await asyncio.sleep(self.times.grace_s if self._is_allowed else self.times.question_s)
        if self._is_wanted and self._is_allowed:
            return
        self._started_by_us = self._is_wanted = False
        await self.outbox.camera("stopCamera")
