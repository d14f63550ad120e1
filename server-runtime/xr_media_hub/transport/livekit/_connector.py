"""The LiveKit side of the hub: admits participants, keeps their sessions, routes agents' replies to them."""

import asyncio
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from xr_ai_agent import AudioChunk, Connector, DataMessage, InvalidIdError, ReturnAudioFlush, validate_participant_id
from xr_media_hub._errors import JoinRefused, RoomUnavailable
from xr_media_hub._stats import HubStats
from xr_media_hub._throttle import Throttled
from xr_media_hub._who import Who, personal
from xr_media_hub.transport.livekit._media_streams import MediaEvents
from xr_media_hub.transport.livekit._room_keeper import ParticipantRoom, RoomKeeper, RoomPlan
from xr_media_hub.transport.livekit._rooms import PARTICIPANT_TOKEN_TTL, LiveKitAccess
from xr_media_hub.transport.livekit._session import ParticipantSession, Presence
from xr_media_hub.transport.livekit._shared_room import SharedRoom
from xr_media_hub.transport.livekit._signalling import Signalling

logger = logging.getLogger(__name__)

_RESERVED = re.compile(r"(hub|xr-hub-.*)", re.IGNORECASE)
_MAX_ID_CHARS = 64
# As long as a token may still be used, its room waits for whoever has it.
_RESERVATION_S = PARTICIPANT_TOKEN_TTL.total_seconds()


@dataclass(frozen=True, slots=True)
class Admission:
    """What a participant needs to join."""

    identity: str
    room: str
    token: str


class LiveKitConnector:
    """One `ParticipantSession` per admitted participant."""

    def __init__(
        self,
        access: LiveKitAccess,
        connector: Connector,
        stats: HubStats,
        *,
        hub_identity: str,
        room_prefix: str,
        max_participants: int,
        max_data_bytes: int,
        is_shared: bool = False,
        refuses_duplicates: bool = False,
    ) -> None:
        """With ``is_shared`` one room named ``room_prefix`` holds everybody, else each has one of their own.

        The identity of somebody who is here gets a number behind it, or is refused with ``refuses_duplicates``.
        """
        self.signalling = Signalling()
        """To be told of each signalling connection of a participant that passes the hub."""
        self._media = MediaEvents()
        self._access = access
        self._connector = connector
        self._stats = stats
        self._hub_identity = hub_identity
        self._room_prefix = room_prefix
        self._max_participants = max_participants
        self._max_data_bytes = max_data_bytes
        self._refuses_duplicates = refuses_duplicates
        self._sessions: dict[str, ParticipantSession] = {}
        self._unaddressed = Throttled(logger)
        self._unheard = Throttled(logger)
        self._shared: SharedRoom | None = None
        if is_shared:
            # The hub itself counts here: it is what keeps the room open.
            keeper = self._keeper(room_prefix, max_participants + 1, owner=None)
            self._shared = SharedRoom(keeper, self._adopt, stats.lost_in)
        connector.on_return_audio(self._return_audio)
        connector.on_return_data(self._return_data)
        connector.on_return_audio_flush(self._return_flush)

    async def start(self) -> None:
        """Open the shared room, if there is one. Raises RoomUnavailable."""
        if self._shared is not None:
            await self._shared.open()

    async def admit(self, wanted_identity: str) -> Admission:
        """Make room for one participant and sign their token.

        An empty identity gets a fresh one. The name of a room of one's own is new each time, so that an older token
        of the same identity opens nothing.

        Raises:
            JoinRefused: the identity is not allowed, the hub is full, or LiveKit did not give us a room.
        """
        identity = self._free_identity(self._checked(wanted_identity))
        replaced = self._sessions.get(identity)
        if replaced is None and len(self._sessions) >= self._max_participants:
            replaced = self._longest_unused()
            if replaced is None:
                raise JoinRefused(503, f"the hub is full: {self._max_participants} participants at most")
        room_name, room = self._room_of(identity)
        session = self._new_session(identity, room)
        self._sessions[identity] = session
        try:
            if replaced is not None:
                await replaced.close()
            await session.open()
        except RoomUnavailable as error:
            await session.close()
            who = self._stats.who(identity)
            logger.error("%s was not admitted: %s", who, who.conceal(error))
            raise JoinRefused(503, "the media server gave no room; try again in a moment") from error
        except asyncio.CancelledError:
            await session.close()
            raise
        return Admission(identity, room_name, self._access.participant_token(identity, room_name))

    async def stop(self) -> None:
        """Leave every room."""
        await asyncio.gather(*(session.close() for session in list(self._sessions.values())))
        if self._shared is not None:
            await self._shared.close()
        self._media.close()

    def _keeper(self, name: str, capacity: int, *, owner: Who | None) -> RoomKeeper:
        plan = RoomPlan(name, self._hub_identity, capacity, self._max_data_bytes, owner)
        return RoomKeeper(plan, self._access, self._stats.lost_since_s)

    def _room_of(self, identity: str) -> tuple[str, ParticipantRoom]:
        if self._shared is not None:
            return self._room_prefix, self._shared.place_of(identity)
        name = f"{self._room_prefix}-{identity}-{secrets.token_hex(4)}"
        return name, self._keeper(name, 1, owner=self._stats.who(identity))

    def _adopt(self, identity: str) -> None:
        """Somebody is in the shared room who was forgotten here: after a long sleep, or with a token still valid."""
        assert self._shared is not None
        try:
            if self._checked(identity) != identity or len(self._sessions) >= self._max_participants:
                raise JoinRefused(503, "the hub is full")
        except JoinRefused as error:
            why = personal(str(error), f"refused as /token would, with {error.status}")
            self._unheard.log("%s is in the shared room and not heard: %s", personal(identity, "somebody"), why)
            return
        place = self._shared.place_of(identity)
        session = self._sessions[identity] = self._new_session(identity, place)
        place.listen(session.note)
        session.start()

    def _new_session(self, identity: str, room: ParticipantRoom) -> ParticipantSession:
        return ParticipantSession(
            identity,
            room,
            connector=self._connector,
            stats=self._stats,
            signalling=self.signalling,
            media=self._media,
            max_data_bytes=self._max_data_bytes,
            on_closed=self._forget,
        )

    def _checked(self, identity: str) -> str:
        if not identity:
            return f"guest-{secrets.token_hex(3)}"
        try:
            validate_participant_id(identity)
        except InvalidIdError as error:
            raise JoinRefused(400, str(error)) from error
        if identity == self._hub_identity or _RESERVED.fullmatch(identity):
            raise JoinRefused(403, f"identity {identity!r} is reserved for the hub")
        return identity

    def _free_identity(self, wanted: str) -> str:
        if self._refuses_duplicates and self._is_taken(wanted):
            raise JoinRefused(
                409, f"{wanted!r} is here already: ask for another identity, or leave with that one first"
            )
        number, candidate = 1, wanted
        while self._is_taken(candidate):
            number += 1
            suffix = f"-{number}"
            candidate = wanted[: _MAX_ID_CHARS - len(suffix)] + suffix
        return candidate

    def _is_taken(self, identity: str) -> bool:
        session = self._sessions.get(identity)
        return session is not None and _is_in_use(session)

    def _longest_unused(self) -> ParticipantSession | None:
        """The room of somebody who left or never came, kept for their return as long as nobody else needs it."""
        unused = [session for session in self._sessions.values() if not _is_in_use(session)]
        return min(unused, key=lambda session: session.opened_at_s, default=None)

    def _forget(self, session: ParticipantSession) -> None:
        if self._sessions.get(session.participant_id) is session:
            del self._sessions[session.participant_id]

    def _return_audio(self, chunk: AudioChunk) -> None:
        self._with_session(chunk.participant_id, lambda session: session.play(chunk))

    def _return_data(self, message: DataMessage) -> None:
        self._with_session(message.participant_id, lambda session: session.send_data(message))

    def _return_flush(self, flush: ReturnAudioFlush) -> None:
        self._with_session(flush.participant_id, lambda session: session.flush())

    def _with_session(self, participant_id: str, act: Callable[[ParticipantSession], None]) -> None:
        session = self._sessions.get(participant_id)
        if session is None:
            self._unaddressed.log("a reply to %s was dropped: not connected", self._stats.who(participant_id))
            return
        act(session)


def _is_in_use(session: ParticipantSession) -> bool:
    if session.presence is Presence.EXPECTED:
        return asyncio.get_running_loop().time() - session.opened_at_s < _RESERVATION_S
    return session.presence is Presence.HERE
