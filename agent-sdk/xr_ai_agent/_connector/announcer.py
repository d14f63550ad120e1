"""What a hub must know of a connector: its ring and its participants, told again whenever it may have forgotten."""

import asyncio
from typing import Any, Final

from xr_ai_agent._connector.frame_outlet import FrameOutlet
from xr_ai_agent._net.sockets import PushSender
from xr_ai_agent._roster import Roster
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.codec import encode
from xr_ai_agent._wire.messages import ConnectorRegistration, HubWelcome, MsgType, ParticipantEvent, RosterQuery

# A caller need not wait any longer for a hub that takes no messages: what it said is sent when there is room again.
_PATIENCE_S: Final = 1.0


class Announcer:
    """Registration, joins and leaves are never given up: each waits for room, in order with whatever else is sent."""

    def __init__(self, connector_id: str, roster: Roster, frames: FrameOutlet, sender: PushSender) -> None:
        self._connector_id = connector_id
        self._roster = roster
        self._frames = frames
        self._sender = sender
        self._questions = 0
        self._awaited = b""
        self._answer: asyncio.Future[bool] | None = None

    async def register(self) -> None:
        """Tell the hub where this connector's frames lie."""
        registration = ConnectorRegistration(self._connector_id, self._frames.shm_name)
        await self._send(MsgType.CONNECTOR_REGISTER, registration)

    async def tell(self, event: ParticipantEvent) -> None:
        """Tell the hub of a join or leave."""
        await self._send(MsgType.PARTICIPANT_EVENT, event)

    async def introduce(self, welcome: HubWelcome) -> None:
        """Tell a hub that has just noticed this connector what it does not know yet.

        It may have restarted, or the connection was lost: then everybody had left for it, and it let go of the ring.
        """
        # Who is told twice has not changed; whom another connector took over is no longer ours to announce.
        known = {participant_id: connector_id for participant_id, connector_id, _ in welcome.roster}
        untaken = self._frames.untaken()
        await self.register()
        for participant_id, connector_id in known.items():
            if connector_id == self._connector_id and participant_id not in self._roster:
                await self.tell(ParticipantEvent(participant_id, False, 0, self._connector_id))
        for event in self._roster.joins:
            # Who has left meanwhile is not announced after their leave.
            if event.participant_id not in known and self._roster.join_of(event.participant_id) is event:
                await self.tell(event)
        if await self._is_handled():
            # Nobody but us can free the frames whose signals were lost with the connection.
            self._frames.take_back(untaken)

    def on_topic(self, topic: bytes) -> None:
        """Take note of the topic of a message that came."""
        if topic == self._awaited:
            self._settle(is_handled=True)

    async def _is_handled(self) -> bool:
        """Whether the hub has handled everything sent so far; False when another hub or connection is to be told."""
        self._settle(is_handled=False)
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._questions += 1
        marker = f"handled-{self._questions}"
        self._awaited = topics.inbox(self._connector_id, marker)
        await self._send(MsgType.ROSTER_QUERY, RosterQuery(f"{self._connector_id}.{marker}"))
        return await answer

    def _settle(self, *, is_handled: bool) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(is_handled)

    async def _send(self, msg_type: MsgType, message: Any) -> None:
        await self._sender.send_surely(encode(msg_type, message), _PATIENCE_S)
