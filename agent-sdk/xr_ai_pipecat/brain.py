"""Where requests are answered: subclass `BrainProcessor` and write `handle_query`."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    StartFrame,
    TextFrame,
    TTSSpeakFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from xr_ai_pipecat._phrases import is_filler, is_stop
from xr_ai_pipecat.frames import HearingFailedFrame, NotUnderstoodFrame, Query, QueryFrame, StopRequestFrame

__all__ = ("BrainProcessor",)

logger = logging.getLogger(__name__)

_Action: TypeAlias = Callable[[], Awaitable[None]]

# Requests that wait for the one under way: more than anybody remembers having asked for.
_MAX_WAITING = 8


class BrainProcessor(FrameProcessor):
    """Answers one participant, one request at a time.

    A request that arrives while another is under way supersedes it, or waits for its turn: `supersedes` decides.
    Actions (requests, hooks) run one after another in the order in which their causes arrived; a request itself
    runs beside them. An exception in any of them is logged and ends nothing else.
    """

    def __init__(self, participant_id: str) -> None:
        super().__init__(name="Brain")
        self.participant_id = participant_id
        self._actions: asyncio.Queue[_Action] = asyncio.Queue()
        self._runner: asyncio.Task[None] | None = None
        self._turn: asyncio.Task[None] | None = None
        self._waiting: deque[Query] = deque()
        self._last_said = ""

    # --- what a subclass writes ---

    async def handle_query(self, query: Query) -> str | AsyncIterator[str] | None:
        """Answer a request: what is returned is spoken, and `say` speaks at any time. Cancelled when superseded."""
        raise NotImplementedError

    def supersedes(self, query: Query) -> bool:
        """Whether a request ends the one under way (and forgets those that wait) instead of waiting for it.

        An answer that nobody waits for any more may be ended; a change that was asked for should not get lost because
        the next one was asked for quickly.
        """
        return True

    async def on_query_superseded(self) -> None:
        """A new request arrived while one was under way; it is cancelled next."""

    async def on_query_waits(self, query: Query) -> None:
        """A request will be handled after the one under way."""

    async def on_query_refused(self, query: Query) -> None:
        """A request was dropped: too many wait already."""

    async def on_stop_requested(self, query: Query, forgotten: int) -> None:
        """The participant asked for silence: speech and request are stopped, ``forgotten`` that waited are dropped."""

    async def on_not_understood(self, speech_s: float) -> None:
        """Somebody spoke for ``speech_s`` seconds and no words were found in it."""

    async def on_hearing_failed(self, reason: str) -> None:
        """Somebody spoke and the recogniser could not be asked."""

    async def on_user_started_speaking(self) -> None:
        """The participant began to speak."""

    async def on_user_stopped_speaking(self) -> None:
        """The participant fell silent, and what they said is known."""

    async def on_bot_started_speaking(self) -> None:
        """The first sound of an answer is on its way."""

    async def on_bot_stopped_speaking(self) -> None:
        """The last sound of an answer has been played, or cut off."""

    # --- what a subclass and its owner use ---

    async def say(self, text: str) -> None:
        """Speak a complete text after what is being spoken now."""
        self._last_said = text
        await self.push_frame(TTSSpeakFrame(text))

    def submit(self, query: Query) -> None:
        """Handle a request that did not come by voice; may be called from anywhere on the event loop."""
        if is_stop(query.text):
            self._actions.put_nowait(lambda: self._stop(query))
        else:
            self._actions.put_nowait(lambda: self._begin(query))

    # --- the pipeline's side ---

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Queue what concerns the brain; pass on what concerns others."""
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self._runner = self.create_task(self._run_actions())
        elif isinstance(frame, EndFrame | CancelFrame):
            await self._shut_down()
        action = self._action_for(frame)
        if action is not None:
            self._actions.put_nowait(action)
        if not isinstance(frame, QueryFrame | StopRequestFrame | NotUnderstoodFrame | HearingFailedFrame):
            await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Cancel what is under way."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._shut_down()

    def _action_for(self, frame: Frame) -> _Action | None:
        match frame:
            case QueryFrame(query=query):
                return lambda: self._heard(query)
            case StopRequestFrame(text=text):
                return lambda: self._stop(Query(text, is_spoken=True))
            case NotUnderstoodFrame(speech_s=speech_s):
                return lambda: self.on_not_understood(speech_s)
            case HearingFailedFrame(reason=reason):
                return lambda: self.on_hearing_failed(reason)
            case UserStartedSpeakingFrame():
                return self.on_user_started_speaking
            case UserStoppedSpeakingFrame():
                return self.on_user_stopped_speaking
            case BotStartedSpeakingFrame():
                return self.on_bot_started_speaking
            case BotStoppedSpeakingFrame():
                return self.on_bot_stopped_speaking
        return None

    async def _run_actions(self) -> None:
        while True:
            action = await self._actions.get()
            try:
                await action()
            except Exception:
                logger.exception("%s: the brain failed", self.participant_id)

    async def _heard(self, query: Query) -> None:
        if is_filler(query.text, answers_question=self._last_said.rstrip().endswith("?")):
            logger.debug("%s: filler %r ignored", self.participant_id, query.text)
            return
        await self._begin(query)

    async def _begin(self, query: Query) -> None:
        if self._is_busy or self._waiting:
            if not self.supersedes(query):
                await self._line_up(query)
                return
            self._waiting.clear()
            await self.on_query_superseded()
            await self._cancel_turn()
        # The answer to an old question is not to be heard after a new one.
        await self.push_frame(InterruptionFrame())
        await self._start(query)

    @property
    def _is_busy(self) -> bool:
        return self._turn is not None and not self._turn.done()

    async def _start(self, query: Query) -> None:
        self._turn = self.create_task(self._answer(query))
        # Let it announce itself before the frames that follow its cause are looked at.
        await asyncio.sleep(0)

    async def _line_up(self, query: Query) -> None:
        if len(self._waiting) >= _MAX_WAITING:
            await self.on_query_refused(query)
            return
        self._waiting.append(query)
        await self.on_query_waits(query)

    async def _start_next(self) -> None:
        """Begin what waits longest. Its answer follows the one before it, which is heard to its end."""
        if self._waiting and not self._is_busy:
            await self._start(self._waiting.popleft())

    async def _stop(self, query: Query) -> None:
        forgotten = len(self._waiting)
        self._waiting.clear()
        await self._cancel_turn()
        await self.push_frame(InterruptionFrame())
        await self.on_stop_requested(query, forgotten)

    async def _answer(self, query: Query) -> None:
        try:
            answer = await self.handle_query(query)
            if isinstance(answer, str):
                await self.say(answer)
            elif answer is not None:
                await self._say_stream(answer)
        except Exception:
            logger.exception("%s: a request failed", self.participant_id)
        finally:
            self._actions.put_nowait(self._start_next)

    async def _say_stream(self, pieces: AsyncIterator[str]) -> None:
        whole = ""
        try:
            async for piece in pieces:
                whole += piece
                await self.push_frame(TextFrame(piece))
        finally:
            self._last_said = whole
            # Also after a failure: the tail must not be glued to the next answer.
            await self.push_frame(LLMFullResponseEndFrame())

    async def _cancel_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None and not turn.done():
            await self.cancel_task(turn)

    async def _shut_down(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await self.cancel_task(runner)
        self._waiting.clear()
        await self._cancel_turn()
