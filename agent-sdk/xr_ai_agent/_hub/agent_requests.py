"""What agents ask on their control channels, each answered to the one that asked."""

import dataclasses
from collections.abc import Callable, Container
from typing import Any

from xr_ai_agent._hub.frame_store import FrameStore
from xr_ai_agent._hub.ports import Outlets
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._roster import Roster
from xr_ai_agent._wire.codec import encode
from xr_ai_agent._wire.messages import (
    AgentReport,
    FrameAsk,
    FrameRelease,
    FrameStatus,
    MsgType,
    NewestSignals,
    SignalsQuery,
)

# Our agents report about ten kinds of loss.
_REPORT_KINDS_MAX = 64


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
            MsgType.AGENT_REPORT: self._on_agent_report,
            MsgType.SIGNALS_QUERY: self._on_signals_query,
        }

    def _on_frame_ask(self, ask: FrameAsk, _: bytes) -> None:
        if ask.agent_id not in self._inboxes:
            # Nobody would tell when it is gone, and its leases would last for ever.
            self._losses.count("frame request of nobody dropped", f"agent {ask.agent_id!r:.80} has no inbox")
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

    def _on_signals_query(self, query: SignalsQuery, _: bytes) -> None:
        signals = self._frames.newest_signals()
        joins = (self._roster.join_of(participant_id) for participant_id in {s.participant_id for s in signals})
        sessions = tuple((join.participant_id, join.pts_us) for join in joins if join is not None)
        frames = [encode(MsgType.FRAME_SIGNAL, signal) for signal in signals]
        self._outlets.answer(query.agent_id, encode(MsgType.NEWEST_SIGNALS, NewestSignals(sessions)), *frames)

    def _on_agent_report(self, report: AgentReport, _: bytes) -> None:
        if report.agent_id in self._inboxes and len(report.lost) <= _REPORT_KINDS_MAX:
            self.reports[report.agent_id] = report
