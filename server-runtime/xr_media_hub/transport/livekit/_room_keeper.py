"""Keeps the hub in one LiveKit room: made, joined, and joined again after whatever ended the connection."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from livekit import rtc

from xr_media_hub._errors import RoomUnavailable
from xr_media_hub._who import Who
from xr_media_hub.transport.livekit._events import Event
from xr_media_hub.transport.livekit._retry import until_done
from xr_media_hub.transport.livekit._return_voice import ReturnVoice
from xr_media_hub.transport.livekit._room_link import RoomLink
from xr_media_hub.transport.livekit._rooms import LiveKitAccess
from xr_media_hub.transport.livekit._tasks import Tasks

logger = logging.getLogger(__name__)

LOST: Event = ("room_lost",)
"""The connection is gone, and everybody's media with it; the hub is on its way back."""
ENDED: Event = ("room_ended",)
"""LiveKit closed the room."""

_ENDED_BY_SERVER = (rtc.DisconnectReason.ROOM_CLOSED, rtc.DisconnectReason.ROOM_DELETED)


class ParticipantRoom(Protocol):
    """What a participant's session needs of the room they are in."""

    is_shared: bool
    name: str

    async def open(self, on_event: Callable[[Event], None]) -> None:
        """Be in the room from now on. Raises RoomUnavailable."""

    async def close(self) -> None:
        """Take away what the hub had there for this participant."""

    def has(self, participant_id: str) -> bool:
        """Whether the participant is in the room."""

    def tracks_of(self, participant_id: str) -> Sequence[rtc.Track]:
        """The participant's tracks that the hub has subscribed to."""

    async def send_data(self, participant_id: str, topic: str, data: bytes) -> None:
        """Send to the participant alone. Raises RoomUnavailable."""

    async def publish_voice(self, participant_id: str, voice: ReturnVoice) -> None:
        """Publish the participant's return track. Raises RoomUnavailable."""

    async def until_heard(self, participant_id: str) -> None:
        """Wait until the participant hears their return track."""

    async def unpublish_voice(self, participant_id: str) -> None:
        """Take the return track away."""


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """What distinguishes one room of the hub's from another; ``owner`` is whose it is, None: everybody's."""

    name: str
    hub_identity: str
    capacity: int
    max_data_bytes: int
    owner: Who | None = None

    @property
    def is_shared(self) -> bool:
        """Whether everybody is in it."""
        return self.owner is None

    @property
    def shown(self) -> str:
        """How the log names the room, whose own name has the participant's in it."""
        return f"the room {self.name}" if self.owner is None else f"the room of {self.owner}"


class RoomKeeper:
    """A `ParticipantRoom` of one participant, and the connection behind a shared one.

    A room of one's own ends when LiveKit closes it; a shared one is made again.
    """

    def __init__(self, plan: RoomPlan, access: LiveKitAccess, lost_since_s: dict[str, float]) -> None:
        """``lost_since_s`` has the room's name, with the time (monotonic), while the hub is out of it."""
        self.is_shared = plan.is_shared
        self.name = plan.name
        self._plan = plan
        self._access = access
        self._lost_since_s = lost_since_s
        self._is_created = False
        self._link: RoomLink | None = None
        self._link_number = 0
        self._on_event: Callable[[Event], None] = lambda _event: None
        self._tasks = Tasks()
        self._closing = False

    async def open(self, on_event: Callable[[Event], None]) -> None:
        """Create the room and join it; ``on_event`` hears everything that happens there.

        Raises:
            RoomUnavailable: LiveKit did not give us the room.
        """
        self._on_event = on_event
        await self._enter()

    async def close(self) -> None:
        """Leave and remove the room."""
        self._closing = True
        self._tasks.cancel()
        self._is_back()
        link, self._link = self._link, None
        if link is not None:
            await link.close()
        if self._is_created:
            await self._access.delete_room(self._plan.name)

    def has(self, participant_id: str) -> bool:
        """Whether LiveKit says that the participant is in the room."""
        return self._link is not None and any(each.identity == participant_id for each in self._link.participants)

    def tracks_of(self, participant_id: str) -> Sequence[rtc.Track]:
        """See `RoomLink.tracks_of`."""
        return self._link.tracks_of(participant_id) if self._link is not None else ()

    async def announce_all(self) -> set[str]:
        """Have everybody announced whom LiveKit has not announced yet, and return who that is.

        Raises:
            RoomUnavailable: LiveKit does not answer.
        """
        here = await self._access.participants_of(self._plan.name)
        unknown = {name for name in here if name != self._plan.hub_identity and not self.has(name)}
        await asyncio.gather(*(self._access.touch(self._plan.name, name) for name in unknown))
        return unknown

    async def send_data(self, participant_id: str, topic: str, data: bytes) -> None:
        """See `RoomLink.send_data`."""
        await self._joined().send_data(participant_id, topic, data)

    async def publish_voice(self, participant_id: str, voice: ReturnVoice) -> None:
        """See `RoomLink.publish_voice`; nothing happens while the room is lost, for it is published on return."""
        if self._link is not None:
            await self._link.publish_voice(participant_id, voice)

    async def until_heard(self, participant_id: str) -> None:
        """See `RoomLink.until_heard`."""
        if self._link is not None:
            await self._link.until_heard(participant_id)

    async def unpublish_voice(self, participant_id: str) -> None:
        """See `RoomLink.unpublish_voice`."""
        if self._link is not None:
            await self._link.unpublish_voice(participant_id)

    def _joined(self) -> RoomLink:
        if self._link is None:
            raise RoomUnavailable("the hub has lost the room")
        return self._link

    async def _enter(self) -> None:
        await self._create()
        await self._join()

    async def _create(self) -> None:
        await self._access.create_room(self._plan.name, self._plan.capacity)
        self._is_created = True

    async def _join(self) -> None:
        self._link_number += 1
        number, plan = self._link_number, self._plan
        token = self._access.hub_token(plan.hub_identity, plan.name, keeps_room=plan.is_shared)
        self._link = await RoomLink.open(
            self._access.url, token, plan.max_data_bytes, lambda event: self._note(number, event)
        )
        if plan.is_shared:
            self._link.restrict_voices()
        for participant in self._link.participants:
            if participant.state == rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE:
                self._note(number, ("participant_active", participant))

    def _note(self, link_number: int, event: Event) -> None:
        if link_number != self._link_number:
            return  # what an old connection still reports is history
        match event:
            case ("reconnecting",):
                self._is_lost()
                self._tasks.spawn(self._restore(), "restore room")
            case ("reconnected",):
                self._is_back()
            case ("local_track_republished", *_) if self._link is not None and self.is_shared:
                self._link.restrict_voices()
            case ("disconnected", *reason):
                self._disconnected(reason[0] if reason else None)
            case _:
                self._on_event(event)

    def _disconnected(self, reason: object) -> None:
        if self._closing:
            return
        if reason in _ENDED_BY_SERVER and not self.is_shared:
            self._is_back()
            self._on_event(ENDED)
            return
        logger.warning("the hub lost %s; joining it again", self._plan.shown)
        self._is_lost()
        self._link_number += 1
        lost, self._link = self._link, None
        self._on_event(LOST)
        self._tasks.spawn(self._rejoin(lost), "rejoin")

    def _is_lost(self) -> None:
        self._lost_since_s.setdefault(self._plan.name, time.monotonic())

    def _is_back(self) -> None:
        self._lost_since_s.pop(self._plan.name, None)

    async def _rejoin(self, lost: RoomLink | None) -> None:
        if lost is not None:
            await lost.close()
        # Both each time: a room that was being removed is still found by the first, and gone for the second.
        await until_done(self._enter, self._failed)
        self._is_back()
        logger.info("the hub is back in %s", self._plan.shown)

    async def _restore(self) -> None:
        """A restarted server has forgotten the room; without it nobody's reconnect succeeds, the hub's included."""
        await until_done(self._create, self._failed)

    def _failed(self, error: RoomUnavailable) -> None:
        logger.debug("%s: %s; trying again", self._plan.shown, error)
