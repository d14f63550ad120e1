"""What the hub may do at LiveKit: rooms made and removed, tokens signed. The only place that knows the secret."""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import TypeVar

import aiohttp
from livekit import api

from xr_media_hub._errors import RoomUnavailable

# A token is used at once, and keeps its identity from others until then; LiveKit keeps a joined client's token fresh.
PARTICIPANT_TOKEN_TTL = timedelta(seconds=30)
_HUB_TOKEN_TTL = timedelta(minutes=5)
# Time between the token and the join; a person may have to answer a permission dialog in between.
EMPTY_ROOM_S = 60
# A headset that sleeps or loses its network this long comes back by itself.
DEPARTED_ROOM_S = 60
_CALL_TIMEOUT_S = 3.0
_RETRY_S = 2.0
_ALIVE_TIMEOUT = aiohttp.ClientTimeout(total=1.0)
_TOUCHED = "xr-hub.seen"
PUBLISH_SOURCES = ("microphone", "camera")

_Answer = TypeVar("_Answer")


class LiveKitAccess:
    """Calls LiveKit's room service and signs tokens with its key.

    Create it inside a running event loop.
    """

    def __init__(self, url: str, api_key: str, api_secret: str) -> None:
        self.url = url
        self._key = api_key
        self._secret = api_secret
        self._http = aiohttp.ClientSession()
        self._api = api.LiveKitAPI(url, api_key, api_secret, session=self._http, failover=False)
        self._condemned: set[str] = set()
        self._deleting: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Close the HTTP connections."""
        if self._deleting is not None:
            self._deleting.cancel()
        await self._http.close()

    async def is_alive(self) -> bool:
        """Whether the server is there; leaves no trace in its log."""
        try:
            async with self._http.get(self.url.replace("ws", "http", 1), timeout=_ALIVE_TIMEOUT) as reply:
                return reply.ok
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def accepts_our_key(self) -> bool:
        """Whether the server is there and is the one our key belongs to."""
        try:
            await _in_time(self._api.room.list_rooms(api.ListRoomsRequest(names=["xr-hub-probe"])))
        except (aiohttp.ClientError, TimeoutError, api.ServerError):
            return False
        return True

    async def create_room(self, name: str, capacity: int) -> None:
        """Create ``name`` for so many participants and the hub; a room that exists stays as it is.

        Raises:
            RoomUnavailable: LiveKit refused or did not answer.
        """
        request = api.CreateRoomRequest(
            name=name, empty_timeout=EMPTY_ROOM_S, departure_timeout=DEPARTED_ROOM_S, max_participants=capacity
        )
        try:
            await _in_time(self._api.room.create_room(request))
        except (aiohttp.ClientError, TimeoutError, api.ServerError) as error:
            raise RoomUnavailable(
                f"LiveKit at {self.url} did not create a room: {error or type(error).__name__}"
            ) from error

    async def delete_room(self, name: str) -> None:
        """Remove ``name``, which ends every token for it; as soon as LiveKit answers, if it does not now."""
        if not await self._is_deleted(name):
            self._condemned.add(name)
            if self._deleting is None:
                self._deleting = asyncio.create_task(self._delete_condemned(), name="delete rooms")

    async def _is_deleted(self, name: str) -> bool:
        try:
            await _in_time(self._api.room.delete_room(api.DeleteRoomRequest(room=name)))
        except api.ServerError as error:
            return bool(error.status == HTTPStatus.NOT_FOUND)
        except (aiohttp.ClientError, TimeoutError):
            return False
        return True

    async def _delete_condemned(self) -> None:
        """Whoever still holds a token would meet in such a room without the hub."""
        while self._condemned:
            await asyncio.sleep(_RETRY_S)
            for name in sorted(self._condemned):
                if not await self._is_deleted(name):
                    break
                self._condemned.discard(name)
        self._deleting = None

    async def participants_of(self, room: str) -> list[str]:
        """Return the identities of everybody in ``room``, announced or not. Raises RoomUnavailable."""
        try:
            listed = await _in_time(self._api.room.list_participants(api.ListParticipantsRequest(room=room)))
        except (aiohttp.ClientError, TimeoutError, api.ServerError) as error:
            raise RoomUnavailable(f"LiveKit did not say who is in the room: {error or type(error).__name__}") from error
        return [str(each.identity) for each in listed.participants]

    async def touch(self, room: str, identity: str) -> None:
        """Change something of a participant that means nothing: LiveKit announces them to everybody at once."""
        request = api.UpdateParticipantRequest(room=room, identity=identity, attributes={_TOUCHED: "1"})
        with suppress(aiohttp.ClientError, TimeoutError, api.ServerError):  # gone already
            await _in_time(self._api.room.update_participant(request))

    def participant_token(self, identity: str, room: str) -> str:
        """Sign a short-lived token that opens ``room`` alone: microphone, camera and data, nothing else."""
        return self._sign(identity, room, "standard", PARTICIPANT_TOKEN_TTL, PUBLISH_SOURCES)

    def hub_token(self, identity: str, room: str, *, keeps_room: bool) -> str:
        """Sign the hub's own token for ``room``; as an agent it neither counts nor keeps an empty room open."""
        kind: api.AccessToken.ParticipantKind = "standard" if keeps_room else "agent"
        return self._sign(identity, room, kind, _HUB_TOKEN_TTL, PUBLISH_SOURCES)

    def _sign(
        self, identity: str, room: str, kind: api.AccessToken.ParticipantKind, ttl: timedelta, sources: Sequence[str]
    ) -> str:
        grants = api.VideoGrants(
            room_join=True, room=room, can_publish_sources=list(sources), can_update_own_metadata=False
        )
        token = api.AccessToken(self._key, self._secret).with_identity(identity).with_name(identity)
        return token.with_kind(kind).with_ttl(ttl).with_grants(grants).to_jwt()


async def _in_time(call: Awaitable[_Answer]) -> _Answer:
    """Wait for LiveKit's answer; the SDK itself waits for a server that hangs for ever. Raises TimeoutError."""
    async with asyncio.timeout(_CALL_TIMEOUT_S):
        return await call
