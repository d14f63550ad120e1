"""The hub's memory of one video track: a few slots that agents on this machine map read-only.

File layout, native byte order: a page with magic u32, version u32, 16 bytes of token and a u64 that is 1 once the
ring is closed, at byte 64 a count (u64, odd while it is written) and the `NewestFrame`; then per slot a page that
begins with its generation u64 (odd while it is written), and the pixels.
"""

import math
import mmap
import os
import secrets
import struct
import time
from pathlib import Path
from typing import NamedTuple

from xr_ai_agent._errors import FrameTooLargeError, RingError

_HEADER = struct.Struct("=II16sQ")
_MAGIC = 0xC0FFEE20
_VERSION = 1
_CLOSED_OFFSET = 24
# What readers find without asking: a count (u64, odd while it is written), then the newest frame.
_NEWEST_OFFSET = 64
_NEWEST = struct.Struct("=QqIIIIQQ")
_PAGE = 4096

DEFAULT_SLOTS = 4
"""One being written, one newest, two that slow readers may still copy from."""

MORE_SLOTS = 4
"""Taken only while agents hold frames: each is memory that somebody reads in place."""


def _page_aligned(size: int) -> int:
    return (size + _PAGE - 1) // _PAGE * _PAGE


def ring_bytes(capacity: int, slots: int = DEFAULT_SLOTS) -> int:
    """Return how much memory a ring takes whose slots hold ``capacity`` bytes each."""
    return _PAGE + slots * (_PAGE + _page_aligned(capacity))


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
        return self.generation_offset + _PAGE


class TrackRing:
    """Writer's side. The oldest slot nobody leases is taken; if all are leased, the oldest one is.

    A reader notices an overwritten slot by its generation, so the writer never has to wait or refuse. A slot that
    is held (`hold`) is never overwritten; so many may be held that the writer always has two others.
    """

    def __init__(self, folder: Path, capacity: int, slots: int = DEFAULT_SLOTS, more_slots: int = MORE_SLOTS) -> None:
        """Create a ring whose slots hold ``capacity`` bytes; it grows by up to ``more_slots`` while frames are held.

        Raises:
            RingError: the system has no memory left for it.
        """
        self.capacity = capacity
        self.token = secrets.token_bytes(16)
        self.path = folder / f"ring-{secrets.token_hex(8)}"
        self._stride = _PAGE + _page_aligned(capacity)
        self.size = ring_bytes(capacity, slots)
        self._slots_max = slots + more_slots
        self._map = _create_file(self.path, self.size, ring_bytes(capacity, self._slots_max))
        _HEADER.pack_into(self._map, 0, _MAGIC, _VERSION, self.token, 0)
        self._view = memoryview(self._map)
        self._words = self._view.cast("Q")
        self._oldest_first = list(range(slots))
        # Per slot, the time at which each lease ends.
        self._leases: dict[int, dict[int, float]] = {slot: {} for slot in range(slots)}
        self._next_lease_id = 1
        self.is_closed = False
        """Whether its file is gone."""

    def write(self, data: memoryview) -> SlotPlace:
        """Copy a frame into a slot.

        Raises:
            FrameTooLargeError: it has more bytes than a slot.
        """
        if data.nbytes > self.capacity:
            raise FrameTooLargeError(f"frame of {data.nbytes} bytes; a slot of this ring holds {self.capacity}")
        slot = self._choose_slot()
        at = _PAGE + slot * self._stride
        generation = self._words[at // 8] + 2
        self._words[at // 8] = generation - 1
        self._view[at + _PAGE : at + _PAGE + data.nbytes] = data
        self._words[at // 8] = generation
        self._oldest_first.remove(slot)
        self._oldest_first.append(slot)
        return SlotPlace(slot, generation, at, at + _PAGE)

    def tell_newest(self, frame: NewestFrame) -> None:
        """Let everybody who has mapped the ring find its newest frame without asking."""
        packed = _NEWEST.pack(*frame)  # before the count: what cannot be packed must not leave it odd
        count, at = _NEWEST_OFFSET // 8, _NEWEST_OFFSET + 8
        self._words[count] += 1
        self._view[at : at + _NEWEST.size] = packed
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
        held = sum(map(self._is_held, self._leases)) + (not self._is_held(slot))
        return self.lease(slot, math.inf) if held <= self._slots_max - 2 else None

    def release(self, slot: int, lease_id: int) -> None:
        """End a lease; one that already ended is not an error."""
        self._leases[slot].pop(lease_id, None)

    def close(self) -> None:
        """Remove the file; readers that mapped it see that it is closed, and keep what they hold."""
        if self.is_closed:
            return
        self.is_closed = True
        self._words[_CLOSED_OFFSET // 8] = 1
        self.path.unlink(missing_ok=True)
        self._words.release()
        self._view.release()
        try:
            self._map.close()
        except BufferError:
            # A local callback still reads a frame: the memory goes when its view does.
            return

    def _choose_slot(self) -> int:
        for slot in self._oldest_first:
            if not self._is_leased(slot):
                return slot
        return self._grown_slot() or next(slot for slot in self._oldest_first if not self._is_held(slot))

    def _grown_slot(self) -> int | None:
        slot = len(self._leases)
        if slot == self._slots_max or not any(map(self._is_held, self._leases)):
            return None
        fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.posix_fallocate(fd, self.size, self._stride)
        except OSError:
            return None
        finally:
            os.close(fd)
        self.size += self._stride
        self._leases[slot] = {}
        self._oldest_first.insert(0, slot)
        return slot

    def _is_leased(self, slot: int) -> bool:
        leases = self._leases[slot]
        if not leases:
            return False
        now = time.monotonic()
        for lease_id in [i for i, deadline in leases.items() if deadline <= now]:
            del leases[lease_id]
        return bool(leases)

    def _is_held(self, slot: int) -> bool:
        return math.inf in self._leases[slot].values()


class RingMap:
    """Reader's side: the ring of another process, mapped read-only."""

    def __init__(self, path: str, token: bytes) -> None:
        """Map the file.

        Raises:
            OSError: it cannot be opened here (another machine or user, or it is gone).
            RingError: it is not the ring that was meant.
        """
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.fstat(fd).st_size < _PAGE:
                raise RingError(f"{path}: too short for a frame ring")
            self._map = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
            self._fd = os.dup(fd)
        finally:
            os.close(fd)
        magic, version, found, _ = _HEADER.unpack_from(self._map)
        if (magic, version, found) != (_MAGIC, _VERSION, token):
            self._map.close()
            os.close(self._fd)
            raise RingError(f"{path}: not the announced frame ring (version {version})")
        self._view = memoryview(self._map)
        self._words = self._view[: len(self._map) // 8 * 8].cast("Q")

    @property
    def is_mapped(self) -> bool:
        """Whether it can still be read: nobody here has unmapped it."""
        return self._fd >= 0

    @property
    def is_closed(self) -> bool:
        """Whether the writer gave this ring up."""
        return bool(self._words[_CLOSED_OFFSET // 8])

    def view(self, offset: int, size: int) -> memoryview:
        """Return bytes of the file, read-only and without a copy.

        Raises:
            RingError: they lie outside.
        """
        if offset < _PAGE or offset + size > len(self._view):
            raise RingError(f"frame at {offset}+{size} lies outside a ring of {len(self._view)} bytes")
        return self._view[offset : offset + size]

    @property
    def newest(self) -> NewestFrame | None:
        """The newest frame; None if the ring is unmapped or given up, tells nothing here, or is just telling it."""
        if not self.is_mapped:
            return None
        count = self._words[_NEWEST_OFFSET // 8]
        if not count or count % 2 or self.is_closed:
            return None
        found = NewestFrame(*_NEWEST.unpack_from(self._map, _NEWEST_OFFSET + 8))
        return found if self._words[_NEWEST_OFFSET // 8] == count else None

    def map_frame(self, offset: int, size: int) -> mmap.mmap:
        """Return bytes of the file as a mapping of their own, which ends when the last view of it is gone.

        Raises:
            RingError: they lie outside.
            OSError: the system has no mapping left.
        """
        self.view(offset, size).release()
        return mmap.mmap(self._fd, size, prot=mmap.PROT_READ, offset=offset)

    def generation(self, offset: int) -> int:
        """Return a slot's generation; raises RingError when the offset is not one of a slot."""
        if offset % _PAGE or not 0 < offset < len(self._view):
            raise RingError(f"no slot at {offset}")
        return self._words[offset // 8]

    def generation_word(self, offset: int) -> memoryview:
        """As `generation`, to be read again and again (its item 0), also when the ring has been unmapped since."""
        self.generation(offset)
        return self._words[offset // 8 : offset // 8 + 1]

    def close(self) -> None:
        """Unmap, as soon as nobody holds a view of it."""
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd = -1
        self._words.release()
        self._view.release()
        try:
            self._map.close()
        except BufferError:
            return


def _create_file(path: Path, size: int, size_max: int) -> mmap.mmap:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        # Reserved now: writing to a full tmpfs later would end the process with SIGBUS.
        os.posix_fallocate(fd, 0, size)
        # Address space only; what lies behind is reserved when it is needed.
        os.ftruncate(fd, size_max)
        return mmap.mmap(fd, size_max)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise RingError(
            f"no room for a frame ring of {size} bytes in {path.parent}: {error.strerror}; enlarge it "
            "(containers: --shm-size) or lower the resolution"
        ) from error
    finally:
        os.close(fd)
