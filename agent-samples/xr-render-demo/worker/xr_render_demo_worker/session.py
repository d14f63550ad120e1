"""One participant's conversation: a request comes in, tools run, a truthful reply goes out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from xr_render_demo_worker._errors import LookError, ToolServerError, TurnError
from xr_render_demo_worker.acknowledge import Acknowledgement, quick_ack, still_working
from xr_render_demo_worker.camera import LOOK_TOOL, TURN_CAMERA_TOOL, Camera
from xr_render_demo_worker.config import WorkerConfig
from xr_render_demo_worker.context import Known, Request, Unavailable, build_messages
from xr_render_demo_worker.history import Kind
from xr_render_demo_worker.memory import Memory
from xr_render_demo_worker.models import Models
from xr_render_demo_worker.outbox import Outbox
from xr_render_demo_worker.progress import progress_text
from xr_render_demo_worker.prompts import Prompts
from xr_render_demo_worker.scene import Change, Scene, describe, diff, scene_of
from xr_render_demo_worker.tool_loop import LoopLimits, LoopOutcome, run_tool_loop
from xr_render_demo_worker.tool_server import ToolResult
from xr_render_demo_worker.toolbox import LocalHandler, LocalTool, ToolBox
from xr_render_demo_worker.truth import Evidence, is_contradicted
from xr_render_demo_worker.undo import BRING_BACK_TOOL, REDO_TOOL, UNDO_TOOL, TimeTraveller

__all__ = ("Agent", "Session")

logger = logging.getLogger(__name__)

Say: TypeAlias = Callable[[str], Awaitable[None]]

# An acknowledgement that comes later than the reply is noise; this much the reply waits for one that is on its way.
_LATE_ACK_S = 0.3
# A thinking model must know before it starts whether to think; the acknowledgement tells, and is waited for this long.
_THINK_VERDICT_S = 1.0
# After an interruption, how long the look at what the turn has changed may take.
_AFTERMATH_S = 2.0


@dataclass(frozen=True)
class Agent:
    """What all conversations share."""

    config: WorkerConfig
    models: Models
    tools: ToolBox
    prompts: Prompts


@dataclass
class _Turn:
    """One request under way; undo reaches back to ``baseline``, the truth is checked against ``before``."""

    request: Request
    outcome: LoopOutcome = field(default_factory=LoopOutcome)
    before: Scene | None = None
    baseline: Scene | None = None
    step: str = "thinking about it"


@dataclass
class Session:
    """The conversation with one participant; at most one request is handled at a time."""

    participant_id: str
    agent: Agent
    outbox: Outbox
    camera: Camera
    memory: Memory = field(default_factory=Memory)
    is_busy: bool = False
    """Whether a request is being carried out."""

    async def handle(self, request: Request, say: Say) -> None:
        """Carry out a request and tell the result, on the page and by voice.

        Cancelling stops it at the next await; what it has changed by then is still remembered.
        """
        turn = _Turn(request)
        self.is_busy = True
        try:
            await self.outbox.begin("processing")
            await self.outbox.transcript(request)
            await self._answer(turn, say)
        except asyncio.CancelledError:
            await self._remember_interruption(turn)
            raise
        finally:
            self.is_busy = False
            await self.outbox.end("processing")

    async def _answer(self, turn: _Turn, say: Say) -> None:
        request = turn.request
        ack = asyncio.create_task(self._acknowledge(request), name=f"ack-{self.participant_id}")
        company = [
            asyncio.create_task(self._speak_ack(ack, say), name=f"ack-speech-{self.participant_id}"),
            asyncio.create_task(self._still_working(turn), name=f"still-{self.participant_id}"),
        ]
        try:
            reply = await self._reply(turn, ack)
            # An acknowledgement that is on its way comes before the reply.
            await asyncio.wait({ack}, timeout=_LATE_ACK_S)
            self.memory.remember(request.text, reply)
            await self.outbox.response(reply)
            await say(reply)
        finally:
            for task in (ack, *company):
                task.cancel()

    async def _reply(self, turn: _Turn, ack: "asyncio.Task[Acknowledgement | None]") -> str:
        try:
            async with asyncio.timeout(self.agent.config.turn_timeout):
                await self._work(turn, ack)
            reply = turn.outcome.reply
        except TurnError as error:
            logger.warning("%s: turn failed: %s", self.participant_id, error)
            reply = error.spoken
        except TimeoutError:
            logger.warning("%s: turn took over %g s", self.participant_id, self.agent.config.turn_timeout)
            reply = "Sorry, that took too long, so I stopped."
        except Exception:
            logger.exception("%s: turn failed", self.participant_id)
            reply = "Sorry, something went wrong on my side. Please try again."
        return await self._truthful(turn, reply)

    async def _work(self, turn: _Turn, ack: "asyncio.Task[Acknowledgement | None]") -> None:
        known = await self._prefetch(turn)
        messages = build_messages(self.agent.prompts.system, list(self.memory.turns), known, turn.request)
        local = self._local_tools(turn)

        async def answer_call(name: str, arguments: str) -> ToolResult:
            await self._progress(turn, progress_text(name, arguments))
            return await self.agent.tools.answer(name, arguments, participant_id=self.participant_id, local=local)

        config = self.agent.config
        await run_tool_loop(
            self.agent.models.agent_llm,
            messages,
            self.agent.tools.definitions(local),
            answer_call,
            turn.outcome,
            LoopLimits(config.max_iterations, config.llm_timeout),
            user=self.participant_id,
            think=await self._should_think(ack),
        )

    async def _prefetch(self, turn: _Turn) -> Known:
        scene, pose, ahead = await asyncio.gather(
            self._fetch("get_scene_state"), self._fetch("get_head_pose"), self._fetch("position_ahead", distance=1.5)
        )
        if not isinstance(scene, Unavailable):
            try:
                turn.before = turn.baseline = scene_of(scene)
            except ValueError as error:
                scene = Unavailable(str(error))
        return Known(scene, pose, ahead, self.memory.history.recent_moves(), self.memory.history.last_changed())

    async def _fetch(self, tool: str, **arguments: Any) -> Any:
        timeout_s = self.agent.config.prefetch_timeout
        try:
            result = await self.agent.tools.call(
                tool, arguments, participant_id=self.participant_id, timeout_s=timeout_s
            )
        except ToolServerError as error:
            return Unavailable(str(error))
        if result.failed or (isinstance(result.value, Mapping) and set(result.value) == {"error"}):
            return Unavailable(str(result.value["error"]))
        return result.value

    async def _should_think(self, ack: "asyncio.Task[Acknowledgement | None]") -> bool:
        if not self.agent.models.agent_thinks:
            return False
        await asyncio.wait({ack}, timeout=_THINK_VERDICT_S)
        verdict = ack.result() if ack.done() and not ack.cancelled() else None
        return verdict is not None and verdict.think

    def _local_tools(self, turn: _Turn) -> list[LocalTool]:
        traveller = TimeTraveller(self.memory.history, self.agent.tools, self.participant_id)

        def unrecorded(travel: LocalHandler) -> LocalHandler:
            async def handle(arguments: Mapping[str, Any]) -> Any:
                result = await travel(arguments)
                turn.baseline = await self._look_at_scene()
                return result

            return handle

        async def bring_back(arguments: Mapping[str, Any]) -> Any:
            is_redo = self.memory.history.undid_an_addition(Kind.of(arguments))
            return await (unrecorded(traveller.redo) if is_redo else traveller.bring_back)(arguments)

        async def look(arguments: Mapping[str, Any]) -> Any:
            try:
                answer = await self.camera.look(str(arguments["question"]), lambda text: self._progress(turn, text))
            except LookError as error:
                # The model answers without the picture: what is asked may be in the scene.
                return {"ok": False, "reason": error.reason, "error": str(error)}
            return {"answer": answer}

        async def turn_camera(arguments: Mapping[str, Any]) -> Any:
            turn_it = self.camera.turn_on if arguments["on"] else self.camera.turn_off
            try:
                return {"ok": True, "changed": await turn_it()}
            except LookError as error:
                return {"ok": False, "reason": error.reason, "error": str(error)}

        return [
            LocalTool(UNDO_TOOL, unrecorded(traveller.undo)),
            LocalTool(REDO_TOOL, unrecorded(traveller.redo)),
            LocalTool(BRING_BACK_TOOL, bring_back),
            LocalTool(LOOK_TOOL, look),
            LocalTool(TURN_CAMERA_TOOL, turn_camera),
        ]

    async def _truthful(self, turn: _Turn, reply: str) -> str:
        """Return the reply, or a correction of it when the scene says otherwise; remembers what changed."""
        changes = await self._record_changes(turn)
        evidence = Evidence(changes, turn.outcome.tried, turn.outcome.succeeded)
        if not is_contradicted(reply, evidence):
            return reply
        logger.warning("%s: the reply %r claims a change that did not happen", self.participant_id, reply)
        reason = f" The reason was: {turn.outcome.errors[-1]}." if turn.outcome.errors else ""
        return f"Sorry, that did not work: nothing in the scene changed.{reason}"

    async def _record_changes(self, turn: _Turn) -> list[Change] | None:
        """Log the turn's changes for undo and return how the scene differs from the turn's start."""
        if turn.before is None:
            return None
        now = await self._look_at_scene()
        if now is None:
            return None
        if turn.baseline is not None:
            changes = diff(turn.baseline, now)
            self.memory.history.record(changes)
            for change in changes:
                logger.info("%s: %s", self.participant_id, describe(change))
        return diff(turn.before, now)

    async def _look_at_scene(self) -> Scene | None:
        try:
            return scene_of(await self._fetch("get_scene_state"))
        except ValueError:
            return None

    async def stopped(self, text: str, reply: str) -> None:
        """Show that everything was stopped, and let nothing that was asked before it wait for an answer."""
        self.memory.remember(text, reply)
        await self.outbox.response(reply)

    async def _remember_interruption(self, turn: _Turn) -> None:
        """Keep what a turn has changed by the time it was stopped, and tell it: half a request can be undone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_AFTERMATH_S):
                changes = await self._record_changes(turn)
                done = "; ".join(describe(change) for change in changes or ()) or "nothing was changed"
                self.memory.remember(turn.request.text, f"(interrupted: {done})")
                left = 'part of it is done, "undo" takes that back' if changes else "nothing was changed"
                await self.outbox.progress(f'I stopped "{turn.request.text}": {left}')

    async def _progress(self, turn: _Turn, text: str) -> None:
        turn.step = text[:1].lower() + text[1:]
        await self.outbox.progress(text)

    async def _acknowledge(self, request: Request) -> Acknowledgement | None:
        ack = await quick_ack(
            self.agent.models.llm,
            self.agent.prompts.quick_ack,
            list(self.memory.turns),
            request.text,
            user=self.participant_id,
            timeout_s=self.agent.config.ack_timeout,
        )
        if ack is not None:
            await self.outbox.progress(ack.ack)
        return ack

    async def _speak_ack(self, ack: "asyncio.Task[Acknowledgement | None]", say: Say) -> None:
        """Say it aloud if the person really has to wait."""
        given = await asyncio.shield(ack)
        if given is not None and given.think:
            await asyncio.sleep(self.agent.config.ack_speech_after)
            await say(given.ack)

    async def _still_working(self, turn: _Turn) -> None:
        await still_working(
            self.agent.models.llm,
            self.agent.prompts.still_working,
            turn.request.text,
            lambda: turn.step,
            self.outbox.progress,
            user=self.participant_id,
            first_s=self.agent.config.still_working_after,
            every_s=self.agent.config.still_working_every,
        )
