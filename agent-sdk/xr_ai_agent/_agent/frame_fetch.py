"""Getting the newest pixels of a track: mapped memory on the hub's machine, inline elsewhere, broadcast from v0.1."""

import asyncio
import contextlib
import itertools
import math
import time
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from xr_ai_agent._agent.borrowed import BorrowedFrame, inline_frame, lent_frame, owned_frame, view_of
from xr_ai_agent._agent.holds import Holds
from xr_ai_agent._agent.leases import Releases
from xr_ai_agent._errors import RingError
from xr_ai_agent._frames.ring_map import RingMap
from xr_ai_agent._frames.ring_maps import RingMaps
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._wire.codec import encode
from xr_ai_agent._wire.messages import (
    LEASE_UNTIL_RELEASED,
    FrameAsk,
    FrameData,
    FrameRelease,
    FrameReply,
    FrameRequest,
    FrameStatus,
    FrameView,
    MsgType,
    PixelFormat,
)

_TrackKey = tuple[str, str]
_Send = Callable[[bytes], bool]

# A frame replaced while it was copied is asked for again; more than twice means a starved machine.
_TORN_RETRIES = 3
# An answer that took longer is about a frame nobody wants any more.
_ANSWER_MAX_S = 10.0
# Three heartbeats: a ring whose hub was killed would show its last frame for ever.
_HUB_SILENT_S = 3.0
_REQUEST_ID_MODULUS = 2**32


class Track(Protocol):
    """Anything that names a video track, such as a `FrameSignal`."""

    @property
    def participant_id(self) -> str:
        """Whose it is."""

    @property
    def track_id(self) -> str:
        """Which of theirs."""


class FrameFetcher:
    """Asks the hub for frames and hands them out.

    ``ask`` sends a message on the channel where the hub answers this agent alone, ``push`` to a hub of v0.1; both say
    whether it was taken.
    """

    def __init__(self, agent_id: str, ask: _Send, push: _Send, losses: LossCounter) -> None:
        self.speaks_descriptors = False
        self.maps_memory = True
        """Whether the hub runs on this machine; else pixels are asked for."""
        self._agent_id = agent_id
        self._send = ask
        self._push = push
        self._losses = losses
        self._maps = RingMaps()
        # Rings whose newest frame is found without asking, as long as the hub shows signs of life.
        self._rings: dict[_TrackKey, RingMap] = {}
        self._hub_seen_at = -math.inf
        self._request_ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[FrameReply | None]] = {}
        self._broadcasts: dict[_TrackKey, asyncio.Future[FrameData]] = {}
        self._fetches: dict[tuple[_TrackKey, bool], asyncio.Task[FrameData | FrameView | None]] = {}
        self._releases = Releases()
        self.holds = Holds(agent_id, ask)
        self._wants_inline = False

    async def fetch(self, track: _TrackKey, timeout_s: float) -> FrameData | None:
        """Return a copy of the newest frame; None when there is none or the hub does not answer in time.

        Callers that ask for the same track at the same time share one request.
        """
        known = self._read_newest(track)
        if known is not None:
            await asyncio.sleep(0)  # whoever fetches in a loop lets others run, as with any other answer
            return known
        frame = await self._share_fetch(track, timeout_s, copy=True)
        return frame if isinstance(frame, FrameData) else None

    async def fetch_view(self, track: _TrackKey, timeout_s: float) -> FrameView | None:
        """As `fetch`, read in place where memory is shared."""
        ring = self._known_ring(track)
        known = None if ring is None else self.holds.newest(ring, track)
        if known is not None:
            await asyncio.sleep(0)
            return known
        frame = await self._share_fetch(track, timeout_s, copy=False)
        return view_of(frame) if isinstance(frame, FrameData) else frame

    async def _share_fetch(self, track: _TrackKey, timeout_s: float, *, copy: bool) -> FrameData | FrameView | None:
        key = (track, copy)
        fetch = self._fetches.get(key)
        if fetch is None:
            fetch = self._fetches[key] = asyncio.get_running_loop().create_task(self._fetch(track, copy))
            fetch.add_done_callback(lambda done: self._forget(key, done))
        finished, _ = await asyncio.wait([fetch], timeout=timeout_s)
        if not finished:
            # Others may still wait for this answer; whoever comes next asks anew.
            self._forget(key, fetch)
            return None
        return None if fetch.cancelled() else fetch.result()

    @contextlib.asynccontextmanager
    async def borrow(self, track: _TrackKey, timeout_s: float, lease_s: float) -> AsyncIterator[BorrowedFrame | None]:
        """Lend the newest frame without a copy where memory is shared; as `fetch` elsewhere."""
        reply, ring = None, None
        if self.speaks_descriptors:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    reply, ring = await self._ask_mapped(track, max(1, int(lease_s * 1000)))
        if reply is None or reply.status is not FrameStatus.OK or ring is None:
            frame = inline_frame(reply, track) if reply else await self.fetch(track, timeout_s)
            yield owned_frame(frame) if frame is not None else None
            return
        try:
            yield lent_frame(reply, ring, track)
        finally:
            self._give_back(reply)
            self._tell_released()

    def on_reply(self, reply: FrameReply) -> None:
        """Take the hub's answer to an ask."""
        future = self._replies.pop(reply.request_id, None)
        if future is not None and not future.done():
            future.set_result(reply)
        else:
            self._give_back(reply)  # who asked waits no more

    def on_broadcast(self, frame: FrameData) -> None:
        """Take pixels that a v0.1 hub published."""
        future = self._broadcasts.pop((frame.participant_id, frame.track_id), None)
        if future is not None and not future.done():
            future.set_result(frame)

    def reset(self) -> None:
        """Another hub answers now: its memory has to be mapped anew, and it knows of no request and no lease."""
        self._rings.clear()
        self._hub_seen_at = -math.inf
        self._maps.close()
        self._wants_inline = False
        self._releases.clear()
        self.holds.reset()
        for future in self._replies.values():
            if not future.done():
                future.set_result(None)

    def note_heartbeat(self) -> None:
        """The hub whose memory is mapped shows that it lives."""
        self._hub_seen_at = time.monotonic()

    def sweep(self) -> None:
        """Unmap rings of tracks that ended, and give back frames that nobody reads any more."""
        self.holds.give_back()
        self._maps.sweep()
        # By what was unmapped, not by what is closed: the hub may close a ring between the two looks.
        self._rings = {track: ring for track, ring in self._rings.items() if ring.is_mapped}
        self._tell_released()

    def close(self) -> None:
        """Give up what is still asked for."""
        for fetch in tuple(self._fetches.values()):
            fetch.cancel()
        self._rings.clear()
        self._maps.close()

    def _forget(self, key: tuple[_TrackKey, bool], fetch: asyncio.Task[FrameData | FrameView | None]) -> None:
        if self._fetches.get(key) is fetch:
            del self._fetches[key]

    def _give_back(self, reply: FrameReply | None) -> None:
        if reply is not None:
            self._releases.note(reply.lease_id)

    def _tell_released(self) -> None:
        lease_ids = self._releases.take()
        for told, lease_id in enumerate(lease_ids):
            if not self._send(encode(MsgType.FRAME_RELEASE, FrameRelease(self._agent_id, lease_id))):
                self._releases.put_back(lease_ids[told:])
                return

    async def _fetch(self, track: _TrackKey, copy: bool) -> FrameData | FrameView | None:
        try:
            async with asyncio.timeout(_ANSWER_MAX_S):
                if not self.speaks_descriptors:
                    return await self._fetch_broadcast(track)
                return await (self._fetch_copy(track) if copy else self._fetch_view(track))
        except TimeoutError:
            return None

    def _known_ring(self, track: _TrackKey) -> RingMap | None:
        is_silent = time.monotonic() - self._hub_seen_at > _HUB_SILENT_S
        return None if is_silent else self._rings.get(track)

    def _read_newest(self, track: _TrackKey) -> FrameData | None:
        """Copy the newest frame out of a ring that is mapped already; None: ask the hub."""
        ring = self._known_ring(track)
        newest = None if ring is None else ring.newest
        if ring is None or newest is None:
            return None
        pixels = bytes(ring.view(newest.data_offset, newest.size))
        if ring.generation(newest.generation_offset) != newest.generation:
            return None
        frame = (newest.seq, newest.pts_us, newest.width, newest.height, PixelFormat(newest.fmt), pixels)
        return FrameData(*frame, *track)

    async def _fetch_view(self, track: _TrackKey) -> FrameData | FrameView | None:
        reply, ring = await self._ask_mapped(track, LEASE_UNTIL_RELEASED)
        if reply is None or reply.status is not FrameStatus.OK:
            return None
        if ring is None:
            return inline_frame(reply, track)
        if not reply.lease_id:
            # The hub has no slot to spare, because this or another agent holds many.
            return await self._fetch_copy(track)
        self._rings[track] = ring
        self.holds.check(ring, track)
        try:
            pixels = ring.map_frame(reply.data_offset, reply.data_sz)
        except (OSError, RingError) as error:
            # No mapping or file is left to this process: a copy needs neither.
            self._give_back(reply)
            self._losses.count("frame not read in place", error)
            return await self._fetch_copy(track)
        # The mapping, not a view of it, says when the last reader is gone: slices and arrays keep it alive.
        weakref.finalize(pixels, self._releases.note, reply.lease_id).atexit = False
        frame = (reply.seq, reply.pts_us, reply.width, reply.height, reply.fmt, memoryview(pixels))
        return FrameView(*frame, *track)

    async def _fetch_broadcast(self, track: _TrackKey) -> FrameData | None:
        future = self._broadcasts.get(track)
        if future is None or future.done():
            future = self._broadcasts[track] = asyncio.get_running_loop().create_future()
        if not self._push(encode(MsgType.FRAME_REQUEST, FrameRequest(*track))):
            return None
        return await future

    async def _fetch_copy(self, track: _TrackKey) -> FrameData | None:
        for _ in range(_TORN_RETRIES):
            reply, ring = await self._ask_mapped(track, lease_ms=0)
            if reply is None or reply.status is not FrameStatus.OK:
                return None
            if ring is None:
                return inline_frame(reply, track)
            self._rings[track] = ring
            pixels = bytes(ring.view(reply.data_offset, reply.data_sz))
            if ring.generation(reply.generation_offset) == reply.generation:
                frame = (reply.seq, reply.pts_us, reply.width, reply.height, reply.fmt, pixels)
                return FrameData(*frame, *track)
            self._losses.count("frame replaced while it was copied", f"track {track}; asking again")
        return None

    async def _ask_mapped(self, track: _TrackKey, lease_ms: int) -> tuple[FrameReply | None, RingMap | None]:
        """Return a reply with its ring, or with no ring: then its pixels are inline or there is no frame."""
        attempts = 2 if self.maps_memory and not self._wants_inline else 0
        for _ in range(attempts):
            reply = await self._ask(track, lease_ms, inline=False)
            if reply is None or reply.status is not FrameStatus.OK:
                return reply, None
            try:
                return reply, self._maps.of(reply)
            except (OSError, RingError) as error:
                # Once: the ring was replaced (a new resolution) between answer and mapping. Twice: not our machine.
                self._give_back(reply)
                self._losses.count("frame memory not mapped", error)
        self._wants_inline = True
        return await self._ask(track, 0, inline=True), None

    async def _ask(self, track: _TrackKey, lease_ms: int, *, inline: bool) -> FrameReply | None:
        request_id = next(self._request_ids) % _REQUEST_ID_MODULUS
        released = self._releases.take()
        ask = FrameAsk(self._agent_id, request_id, *track, lease_ms, inline, released)
        if not self._send(encode(MsgType.FRAME_ASK, ask)):
            self._releases.put_back(released)
            return None
        future: asyncio.Future[FrameReply | None] = asyncio.get_running_loop().create_future()
        self._replies[request_id] = future
        try:
            return await future
        except asyncio.CancelledError:
            # The answer may have come in the same moment.
            if future.done() and not future.cancelled():
                self._give_back(future.result())
            raise
        finally:
            self._replies.pop(request_id, None)
