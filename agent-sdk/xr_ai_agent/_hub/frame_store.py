"""The newest frames of every video track, kept in one ring per track."""

import math
import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from xr_ai_agent._errors import RingError
from xr_ai_agent._frames.shm import ShmFolder
from xr_ai_agent._frames.track_ring import NewestFrame, SlotPlace, TrackRing, ring_bytes
from xr_ai_agent._wire import topics
from xr_ai_agent._wire.messages import (
    LEASE_UNTIL_RELEASED,
    FrameAsk,
    FrameData,
    FrameReply,
    FrameSignal,
    FrameStatus,
    PixelFormat,
)

_Track = tuple[str, str]

# An agent that asks for a longer lease than this gets this one: a forgotten lease must not outlive its second.
_LEASE_MAX_S = 10.0
# More at once than any agent can mean: it gets copies from then on.
_LEASES_PER_AGENT_MAX = 64
# Cameras and shared screens of one participant; more is a client that leaves tracks behind, or means harm.
TRACKS_PER_PARTICIPANT_MAX = 32
# Of one participant: five cameras of 8K. What all of them together may take is the system's to say.
_PARTICIPANT_MAX_BYTES = 2**30
# And of a small /dev/shm (64 MiB in many containers) no more than this part, so that others are seen as well.
_PARTICIPANT_MAX_PART = 0.75
# A ring this many times too large for its frames (after a resolution drop) is replaced by one that fits.
_SHRINK_FACTOR = 4


@dataclass(frozen=True, slots=True)
class SlotView:
    """A frame in the hub's memory. ``data`` is not a copy: it is valid until the callback it was given to ends."""

    signal: FrameSignal
    data: memoryview = field(repr=False)


class _Lease(NamedTuple):
    """A slot that an agent reads: until ``ends_at`` (monotonic), or until it is given back."""

    ring: TrackRing
    slot: int
    ring_lease: int
    ends_at: float

    @property
    def is_over(self) -> bool:
        """Whether it keeps nothing any more: it ran out, or its ring is gone (and what is mapped of it stays)."""
        return self.ring.is_closed or self.ends_at <= time.monotonic()


class TrackState:
    """The newest frame of a track."""

    __slots__ = ("fields", "layout", "place", "ring", "topic", "track")

    def __init__(self, track: _Track, ring: TrackRing) -> None:
        self.track = track
        self.ring = ring
        self.topic = topics.video(*track)
        """Of its signals."""
        self.place = SlotPlace(0, 0, 0, 0)
        self.fields: tuple[int, int, int, int, int, PixelFormat, int, str, str] = (
            0,
            0,
            0,
            0,
            0,
            PixelFormat.I420,
            0,
            *track,
        )
        """Of its `FrameSignal`, which most frames need only in its encoded form."""
        self.layout: tuple[PixelFormat, int, int, int] | None = None
        """(format, width, height, bytes) of frames that need no further check."""

    @property
    def signal(self) -> FrameSignal:
        """What is told of the frame."""
        return FrameSignal(*self.fields)

    @property
    def size_bytes(self) -> int:
        """Bytes of its pixels."""
        return self.fields[6]

    def tell_newest(self) -> None:
        """Let everybody who has mapped the ring find the frame."""
        _slot, seq, pts_us, width, height, fmt, size, *_track = self.fields
        at = self.place.generation_offset
        self.ring.tell_newest(NewestFrame(seq, pts_us, width, height, int(fmt), size, at, self.place.generation))


class FrameStore:
    """Stores, finds and lends frames; nothing of a participant stays after `drop_participant`."""

    def __init__(self) -> None:
        self._folder: ShmFolder | None = None
        self._tracks: dict[_Track, TrackState] = {}
        self._leases: dict[str, dict[int, _Lease]] = defaultdict(dict)
        # Not from 1: an agent may give back, to this hub, what it held of the one before.
        self._next_lease_id = secrets.randbits(48)

    @property
    def track_count(self) -> int:
        """Video tracks that hold memory now."""
        return len(self._tracks)

    @property
    def size_bytes(self) -> int:
        """Shared memory that the rings take now."""
        return sum(state.ring.size for state in self._tracks.values())

    def state(self, track: _Track) -> TrackState | None:
        """Return what is known of a track that holds a frame; its participant is here, for leaving ends it."""
        return self._tracks.get(track)

    def put(
        self,
        track: _Track,
        fmt: PixelFormat,
        size: tuple[int, int],
        pts_us: int,
        data: memoryview,
        seq: int | None = None,
    ) -> TrackState:
        """Copy a frame in; ``seq`` counts on by itself unless the connector counts.

        Raises:
            RingError: the participant has too many tracks or too much memory, or the system has none left.
        """
        frame_bytes = data.nbytes
        state = self._tracks.get(track)
        if state is None:
            state = TrackState(track, self._new_ring(track, frame_bytes))
        elif not self._fits(state.ring, frame_bytes):
            ring = self._new_ring(track, frame_bytes)
            state.ring.close()
            state.ring = ring
        state.place = place = state.ring.write(data)
        if seq is None:
            seq = state.fields[1] + 1
        state.fields = (place.slot, seq, pts_us, *size, fmt, frame_bytes, *track)
        if state.ring.is_shared:
            state.tell_newest()
        self._tracks[track] = state
        return state

    def newest(self, track: _Track) -> FrameData | None:
        """Return a copy of a track's newest frame."""
        state = self._tracks.get(track)
        if state is None:
            return None
        s = state.signal
        pixels = bytes(state.ring.read(state.place, s.data_sz))
        return FrameData(s.seq, s.pts_us, s.width, s.height, s.fmt, pixels, *track)

    def newest_signals(self) -> list[FrameSignal]:
        """Return the newest signal of every track."""
        return [state.signal for state in self._tracks.values()]

    def hold(self, track: _Track, seconds: float) -> tuple[SlotView, Callable[[], None]]:
        """Return a view of the newest frame, and what gives it back."""
        state = self._tracks[track]
        ring, slot = state.ring, state.place.slot
        lease_id = ring.lease(slot, seconds)
        return SlotView(state.signal, ring.read(state.place, state.size_bytes)), lambda: ring.release(slot, lease_id)

    def answer(self, ask: FrameAsk, status_if_none: FrameStatus) -> FrameReply:
        """Return where the newest frame of a track lies (leased if wanted), or its pixels."""
        state = self._tracks.get((ask.participant_id, ask.track_id))
        if state is None:
            nothing = (0, 0, 0, 0, PixelFormat.I420, 0, "", b"", 0, 0, 0, 0, b"")
            return FrameReply(ask.request_id, status_if_none, *nothing)
        s, ring, place = state.signal, state.ring, state.place
        frame = (s.seq, s.pts_us, s.width, s.height, s.fmt, s.data_sz)
        if ask.inline:
            pixels = bytes(ring.read(place, s.data_sz))
            return FrameReply(ask.request_id, FrameStatus.OK, *frame, "", b"", 0, 0, 0, 0, pixels)
        if not ring.is_shared:
            ring.share()
            state.tell_newest()
        return FrameReply(
            ask.request_id,
            FrameStatus.OK,
            *frame,
            str(ring.path),
            ring.token,
            place.generation_offset,
            place.data_offset,
            place.generation,
            self._lend(ask, ring, place.slot),
            b"",
        )

    def sees_lock(self, track: _Track, at: int) -> bool:
        """Whether a reader has locked a byte of a track's ring: one in another container may have locked it in vain."""
        state = self._tracks.get(track)
        return state is not None and state.ring.is_locked(at)

    def release(self, agent_id: str, lease_id: int) -> None:
        """Take back what an agent borrowed; an unknown lease is not an error."""
        lease = self._leases.get(agent_id, {}).pop(lease_id, None)
        if lease is not None:
            lease.ring.release(lease.slot, lease.ring_lease)

    def drop_agent(self, agent_id: str) -> None:
        """Take back everything of an agent that is gone."""
        for lease_id in tuple(self._leases.get(agent_id, ())):
            self.release(agent_id, lease_id)
        self._leases.pop(agent_id, None)

    def end_track(self, track: _Track) -> None:
        """Free a track's memory."""
        state = self._tracks.pop(track, None)
        if state is not None:
            state.ring.close()

    def drop_participant(self, participant_id: str) -> None:
        """Free the memory of all of a participant's tracks."""
        for track in [t for t in self._tracks if t[0] == participant_id]:
            self.end_track(track)

    def close(self) -> None:
        """Free everything."""
        for track in tuple(self._tracks):
            self.end_track(track)
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def _lend(self, ask: FrameAsk, ring: TrackRing, slot: int) -> int:
        if not ask.lease_ms:
            return 0
        leases = self._leases[ask.agent_id]
        if len(leases) >= _LEASES_PER_AGENT_MAX:
            # Those that ran out, as nobody gave them back.
            for lease_id in [lease_id for lease_id, lease in leases.items() if lease.is_over]:
                self.release(ask.agent_id, lease_id)
            if len(leases) >= _LEASES_PER_AGENT_MAX:
                return 0
        if ask.lease_ms == LEASE_UNTIL_RELEASED:
            seconds, ring_lease = math.inf, ring.hold(slot)
        else:
            seconds = min(ask.lease_ms / 1000, _LEASE_MAX_S)
            ring_lease = ring.lease(slot, seconds)
        if ring_lease is None:
            return 0
        lease_id, self._next_lease_id = self._next_lease_id, self._next_lease_id + 1
        leases[lease_id] = _Lease(ring, slot, ring_lease, time.monotonic() + seconds)
        return lease_id

    def _new_ring(self, track: _Track, frame_bytes: int) -> TrackRing:
        if self._folder is None:
            self._folder = ShmFolder()
        capacity = max(frame_bytes, 1)
        others = [state for other, state in self._tracks.items() if other[0] == track[0] and other != track]
        if len(others) >= TRACKS_PER_PARTICIPANT_MAX:
            raise RingError(f"participant {track[0]} has {len(others)} video tracks; no more are shown")
        taken, wanted = sum(state.ring.size for state in others), ring_bytes(capacity)
        allowed = min(_PARTICIPANT_MAX_BYTES, int(self._folder.capacity_bytes * _PARTICIPANT_MAX_PART))
        if taken + wanted > allowed:
            raise RingError(
                f"the video of participant {track[0]} would take {taken + wanted} bytes of shared memory; at most "
                f"{allowed} are given to one: lower the resolution, or enlarge {self._folder.path.parent}"
            )
        return TrackRing(self._folder.path, capacity, is_shared=False)

    @staticmethod
    def _fits(ring: TrackRing, frame_bytes: int) -> bool:
        return frame_bytes <= ring.capacity <= max(frame_bytes, 1) * _SHRINK_FACTOR
