"""The hub's memory of one video track: a few slots that agents on this machine map read-only.

File layout, native byte order: a page with magic u32, version u32, 16 bytes of token, a u64 that is 1 once the ring is
closed, and the stride and the largest number of slots (u64 each); at byte 64 a count (u64, odd while it is written) and
the `NewestFrame`; then per slot a page that begins with its generation u64 (odd while it is written), and the pixels.
Whoever locks (`SlotLocks`) the first byte of a slot's page holds the slot.
"""

import math
import mmap
import os
import secrets
import struct
import time
from pathlib import Path
from typing import NamedTuple

from xr_ai_agent._errors import FrameTooLargeError, RingError, RingFullError
from xr_ai_agent._frames.slot_locks import SlotLocks

HEADER = struct.Struct("=II16sQQQ")
MAGIC = 0xC0FFEE20
VERSION = 1
CLOSED_OFFSET = 24
# What readers find without asking: a count (u64, odd while it is written), then the newest frame.
NEWEST_OFFSET = 64
NEWEST = struct.Struct("=QqIIIIQQ")
PAGE = 4096

DEFAULT_SLOTS = 4
"""One being written, one newest, two that slow readers may still copy from."""

MORE_SLOTS = 4
"""Taken only while agents hold frames: each is memory that somebody reads in place."""

WRITER_SLOTS = 2
"""That nobody may hold: one being written, one newest."""


def _page_aligned(size: int) -> int:
    return (size + PAGE - 1) // PAGE * PAGE


def ring_bytes(capacity: int, slots: int = DEFAULT_SLOTS) -> int:
    """Return how much memory a ring takes whose slots hold ``capacity`` bytes each."""
    return PAGE + slots * (PAGE + _page_aligned(capacity))


class SlotPlace(NamedTuple):
    """Where in the ring's file a frame lies."""

    slot: int
    generation: int
    generation_offset: int
    data_offset: int


class NewestFrame(NamedTuple):
    """What a ring's header tells of its newest frame."""

    seq: int
    pts_us: int
    width: int
    height: int
    fmt: int
    size: int
    generation_offset: int
    generation: int

    @property
    def data_offset(self) -> int:
        """Where its pixels begin."""
        return self.generation_offset + PAGE


class TrackRing:
    """Writer's side. The oldest slot nobody leases is taken; if all are leased, the oldest one is.

    A reader notices an overwritten slot by its generation, so the writer never has to wait. A slot that is held (by
    `hold`, or by a reader's lock) is never overwritten; so many may be held that the writer has two others.
    """

    def __init__(
        self,
        folder: Path,
        capacity: int,
        slots: int = DEFAULT_SLOTS,
        more_slots: int = MORE_SLOTS,
        *,
        is_shared: bool = True,
    ) -> None:
        """Create a ring whose slots hold ``capacity`` bytes; it grows by up to ``more_slots`` while frames are held.

        One that is not ``is_shared`` is written without the kernel's locks, until `share` is called.

        Raises:
            RingError: the system has no memory left for it.
        """
        self.capacity = capacity
        self.token = secrets.token_bytes(16)
        self.path = folder / f"ring-{secrets.token_hex(8)}"
        self._stride = PAGE + _page_aligned(capacity)
        self.size = ring_bytes(capacity, slots)
        self._slots_max = slots + more_slots
        self._fd, self._map = _create_file(self.path, self.size, ring_bytes(capacity, self._slots_max))
        HEADER.pack_into(self._map, 0, MAGIC, VERSION, self.token, 0, self._stride, self._slots_max)
        self._locks = SlotLocks(self._fd)
        # What this process holds for others is locked as if by a reader: readers see how many are held.
        self._holder_fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._holder = SlotLocks(self._holder_fd)
        self._view = memoryview(self._map)
        self._words = self._view.cast("Q")
        self._oldest_first = list(range(slots))
        # Per slot, the time at which each lease ends.
        self._leases: dict[int, dict[int, float]] = {slot: {} for slot in range(slots)}
        self._next_lease_id = 1
        self.is_shared = is_shared
        """Whether others may have mapped it."""
        self.is_closed = False
        """Whether its file is gone."""

    def share(self) -> None:
        """Respect readers' locks from now on: somebody is about to be told of this ring."""
        self.is_shared = True

    def write(self, data: memoryview) -> SlotPlace:
        """Copy a frame into a slot.

        Raises:
            FrameTooLargeError: it has more bytes than a slot.
            RingFullError: readers hold every slot, though they should leave two.
        """
        if data.nbytes > self.capacity:
            raise FrameTooLargeError(f"frame of {data.nbytes} bytes; a slot of this ring holds {self.capacity}")
        slot = self._lock_slot()
        at = self._at(slot)
        generation = self._words[at // 8] + 2
        self._words[at // 8] = generation - 1
        self._view[at + PAGE : at + PAGE + data.nbytes] = data
        self._words[at // 8] = generation
        if self.is_shared:
            self._locks.drop(at)
        self._oldest_first.remove(slot)
        self._oldest_first.append(slot)
        return SlotPlace(slot, generation, at, at + PAGE)

    def tell_newest(self, frame: NewestFrame) -> None:
        """Let everybody who has mapped the ring find its newest frame without asking."""
        packed = NEWEST.pack(*frame)  # before the count: what cannot be packed must not leave it odd
        count, at = NEWEST_OFFSET // 8, NEWEST_OFFSET + 8
        self._words[count] += 1
        self._view[at : at + NEWEST.size] = packed
        self._words[count] += 1

    def read(self, place: SlotPlace, size: int) -> memoryview:
        """Return the pixels of a place, without a copy."""
        return self._view[place.data_offset : place.data_offset + size].toreadonly()

    def lease(self, slot: int, seconds: float) -> int:
        """Keep a slot from being taken for so long; returns the lease's id."""
        lease_id, self._next_lease_id = self._next_lease_id, self._next_lease_id + 1
        self._leases[slot][lease_id] = time.monotonic() + seconds
        return lease_id

    def hold(self, slot: int) -> int | None:
        """Keep a slot from being taken until it is released; None when too many are held already."""
        held = sum(map(self.is_held, self._leases)) + (not self.is_held(slot))
        if held > self._slots_max - WRITER_SLOTS:
            return None
        self._holder.share(self._at(slot))
        return self.lease(slot, math.inf)

    def release(self, slot: int, lease_id: int) -> None:
        """End a lease; one that already ended is not an error."""
        leases = self._leases[slot]
        if leases.pop(lease_id, 0.0) == math.inf and math.inf not in leases.values() and not self.is_closed:
            self._holder.drop(self._at(slot))

    def is_held(self, slot: int) -> bool:
        """Whether a slot must not be written to: it was asked for (`hold`), or a reader has locked it."""
        return math.inf in self._leases[slot].values() or self._locks.is_locked(self._at(slot))

    def is_locked(self, at: int) -> bool:
        """Whether a reader has locked a byte of the file."""
        return self._locks.is_locked(at)

    def close(self) -> None:
        """Remove the file; readers that mapped it see that it is closed, and keep what they hold."""
        if self.is_closed:
            return
        self.is_closed = True
        self._words[CLOSED_OFFSET // 8] = 1
        self.path.unlink(missing_ok=True)
        os.close(self._fd)
        os.close(self._holder_fd)
        self._words.release()
        self._view.release()
        try:
            self._map.close()
        except BufferError:
            # A local callback still reads a frame: the memory goes when its view does.
            return

    def _at(self, slot: int) -> int:
        return PAGE + slot * self._stride

    def _lock_slot(self) -> int:
        """Return a slot to write to, locked against readers."""
        slot = self._lock_first(self._oldest_first[:-1])
        if slot is None and any(map(self.is_held, self._leases)):
            self._grow()
        if slot is None:
            # A new one, or the newest itself.
            slot = self._lock_first(self._oldest_first)
        if slot is None:
            # A lease that is only for a time ends before it.
            slot = self._lock_first(self._oldest_first, may_be_leased=True)
        if slot is None:
            raise RingFullError(f"readers hold all {len(self._leases)} slots of a track; the frame is dropped")
        return slot

    def _lock_first(self, slots: list[int], *, may_be_leased: bool = False) -> int | None:
        for slot in slots:
            is_kept = math.inf in self._leases[slot].values() if may_be_leased else self._is_leased(slot)
            if not is_kept and (not self.is_shared or self._locks.take(self._at(slot))):
                return slot
        return None

    def _grow(self) -> None:
        slot = len(self._leases)
        if slot == self._slots_max:
            return
        try:
            os.posix_fallocate(self._fd, self.size, self._stride)
        except OSError:
            return
        self.size += self._stride
        self._leases[slot] = {}
        self._oldest_first.insert(0, slot)

    def _is_leased(self, slot: int) -> bool:
        leases = self._leases[slot]
        if not leases:
            return False
        now = time.monotonic()
        for lease_id in [i for i, deadline in leases.items() if deadline <= now]:
            del leases[lease_id]
        return bool(leases)


def _create_file(path: Path, size: int, size_max: int) -> tuple[int, mmap.mmap]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        # Reserved now: writing to a full tmpfs later would end the process with SIGBUS.
        os.posix_fallocate(fd, 0, size)
        # Address space only; what lies behind is reserved when it is needed.
        os.ftruncate(fd, size_max)
        return fd, mmap.mmap(fd, size_max)
    except OSError as error:
        os.close(fd)
        path.unlink(missing_ok=True)
        raise RingError(
            f"no room for a frame ring of {size} bytes in {path.parent}: {error.strerror}; enlarge it "
            "(containers: --shm-size) or lower the resolution"
        ) from error
