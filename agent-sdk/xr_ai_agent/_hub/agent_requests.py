"""What agents ask on their control channels, each answered to the one that asked."""

import dataclasses
from collections.abc import Callable, Container
from typing import Any

from xr_ai_agent._hub.frame_store import FrameStore
from xr_ai_agent._hub.ports import Outlets
from xr_ai_agent._hub.pulses import Pulses
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._roster import Roster
from xr_ai_agent._wire.codec import encode
from xr_ai_agent._wire.messages import (
    AgentPulse,
    AgentReport,
    FrameAsk,
    FrameRelease,
    FrameStatus,
    LockCheck,
    LockSeen,
    MsgType,
    NewestSignals,
    SignalsQuery,
)

# Our agents report about ten kinds of loss, each in a few words.
_REPORT_KINDS_MAX = 64
_REPORT_KIND_MAX_CHARS = 100
_REPORT_NAME_MAX_CHARS = 256


class AgentRequests:
    """Frames, leases, the newest signals, and what agents report of themselves."""

    def __init__(
        self,
        outlets: Outlets,
        frames: FrameStore,
        roster: Roster,
        inboxes: Container[str],
        losses: LossCounter,
    ) -> None:
        self.reports: dict[str, AgentReport] = {}
        """The newest report of each agent that is here."""
        self.pulses = Pulses()
        """How far behind each of them is."""
        self._outlets = outlets
        self._frames = frames
        self._roster = roster
        self._inboxes = inboxes
        self._losses = losses

    @property
    def handlers(self) -> dict[int, Callable[[Any, bytes], None]]:
        """What handles each message id."""
        return {
            MsgType.FRAME_ASK: self._on_frame_ask,
            MsgType.FRAME_RELEASE: self._on_frame_release,
            MsgType.LOCK_CHECK: self._on_lock_check,
            MsgType.AGENT_REPORT: self._on_agent_report,
            MsgType.AGENT_PULSE: self._on_agent_pulse,
            MsgType.SIGNALS_QUERY: self._on_signals_query,
        }

    def drop_agent(self, agent_id: str) -> None:
        """Forget an agent that is gone."""
        self.reports.pop(agent_id, None)
        self.pulses.drop_agent(agent_id)

    def _is_here(self, agent_id: str, what: str) -> bool:
        # Nobody would tell when another one is gone, and what is kept of it would last for ever.
        if agent_id in self._inboxes:
            return True
        self._losses.count(f"{what} of nobody dropped", f"agent {agent_id!r:.80} has no inbox")
        return False

    def _on_frame_ask(self, ask: FrameAsk, _: bytes) -> None:
        if not self._is_here(ask.agent_id, "frame request"):
            return
        for lease_id in ask.released:
            self._frames.release(ask.agent_id, lease_id)
        present = ask.participant_id in self._roster
        reply = self._frames.answer(ask, FrameStatus.NO_FRAME if present else FrameStatus.UNKNOWN_PARTICIPANT)
        if reply.data:
            # Beside the message rather than in it: packing would copy the pixels twice.
            header = dataclasses.replace(reply, data=b"")
            self._outlets.answer(ask.agent_id, encode(MsgType.FRAME_REPLY, header), reply.data)
        else:
            self._outlets.answer(ask.agent_id, encode(MsgType.FRAME_REPLY, reply))

    def _on_frame_release(self, release: FrameRelease, _: bytes) -> None:
        self._frames.release(release.agent_id, release.lease_id)

    def _on_lock_check(self, check: LockCheck, _: bytes) -> None:
        if self._is_here(check.agent_id, "lock check"):
            seen = LockSeen(check.at, self._frames.sees_lock((check.participant_id, check.track_id), check.at))
            self._outlets.answer(check.agent_id, encode(MsgType.LOCK_SEEN, seen))

    def _on_signals_query(self, query: SignalsQuery, _: bytes) -> None:
        if not self._is_here(query.agent_id, "signals query"):
            return
        signals = self._frames.newest_signals()
        joins = (self._roster.join_of(participant_id) for participant_id in {s.participant_id for s in signals})
        sessions = tuple((join.participant_id, join.pts_us) for join in joins if join is not None)
        frames = [encode(MsgType.FRAME_SIGNAL, signal) for signal in signals]
        self._outlets.answer(query.agent_id, encode(MsgType.NEWEST_SIGNALS, NewestSignals(sessions)), *frames)

    def _on_agent_report(self, report: AgentReport, _: bytes) -> None:
        if not self._is_here(report.agent_id, "agent report"):
            return
        if _is_readable(report):
            self.reports[report.agent_id] = report
        else:
            self._losses.count("agent report refused", f"agent {report.agent_id!r:.80} as {report.name!r:.80}")

    def _on_agent_pulse(self, pulse: AgentPulse, _: bytes) -> None:
        # One of a hub that was here before may still have been on its way.
        if self._is_here(pulse.agent_id, "agent pulse"):
            self.pulses.take(pulse)


def _is_readable(report: AgentReport) -> bool:
    """Whether people and metrics can be shown it."""
    if len(report.lost) > _REPORT_KINDS_MAX or len(report.name) > _REPORT_NAME_MAX_CHARS:
        return False
    kinds = all(len(kind) <= _REPORT_KIND_MAX_CHARS and kind.isprintable() for kind in report.lost)
    return kinds and report.name.isprintable() and all(count >= 0 for count in report.lost.values())
