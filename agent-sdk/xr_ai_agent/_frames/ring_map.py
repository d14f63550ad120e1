"""The hub's memory of one video track, as an agent on the same machine reads it; `TrackRing` is the writer's side."""

import mmap
import os
from collections import Counter

from xr_ai_agent._errors import RingError
from xr_ai_agent._frames.slot_locks import SlotLocks
from xr_ai_agent._frames.track_ring import (
    CLOSED_OFFSET,
    HEADER,
    MAGIC,
    NEWEST,
    NEWEST_OFFSET,
    PAGE,
    VERSION,
    WRITER_SLOTS,
    NewestFrame,
)


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
            if os.fstat(fd).st_size < PAGE:
                raise RingError(f"{path}: too short for a frame ring")
            self._map = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
            self._fd = os.dup(fd)
        finally:
            os.close(fd)
        magic, version, found, _, self._stride, self._slots = HEADER.unpack_from(self._map)
        if (magic, version, found) != (MAGIC, VERSION, token):
            self._map.close()
            os.close(self._fd)
            raise RingError(f"{path}: not the announced frame ring (version {version})")
        self._view = memoryview(self._map)
        self._words = self._view[: len(self._map) // 8 * 8].cast("Q")
        self._locks = SlotLocks(self._fd)
        # Per slot that this process holds, by where its page begins: how often.
        self._holds: Counter[int] = Counter()

    @property
    def is_mapped(self) -> bool:
        """Whether it can still be read: nobody here has unmapped it."""
        return self._fd >= 0

    @property
    def is_closed(self) -> bool:
        """Whether the writer gave this ring up."""
        return bool(self._words[CLOSED_OFFSET // 8])

    def view(self, offset: int, size: int) -> memoryview:
        """Return bytes of the file, read-only and without a copy.

        Raises:
            RingError: they lie outside.
        """
        if offset < PAGE or offset + size > len(self._view):
            raise RingError(f"frame at {offset}+{size} lies outside a ring of {len(self._view)} bytes")
        return self._view[offset : offset + size]

    @property
    def newest(self) -> NewestFrame | None:
        """The newest frame; None if the ring is unmapped or given up, tells nothing here, or is just telling it."""
        if not self.is_mapped:
            return None
        count = self._words[NEWEST_OFFSET // 8]
        if not count or count % 2 or self.is_closed:
            return None
        found = NewestFrame(*NEWEST.unpack_from(self._map, NEWEST_OFFSET + 8))
        return found if self._words[NEWEST_OFFSET // 8] == count else None

    def hold(self, frame: NewestFrame) -> bool:
        """Keep the writer from a frame's slot, without asking; returns whether the frame is there and stays there.

        False also when the writer would have too few slots left. `drop` as often as this returned True.
        """
        at = frame.generation_offset
        if not self._holds[at]:
            places = range(PAGE, PAGE + self._slots * self._stride, self._stride) if self._stride else ()
            held = sum(self._locks.is_locked(place) or bool(self._holds[place]) for place in places)
            if at not in places or held >= self._slots - WRITER_SLOTS or not self._locks.share(at):
                return False
        self._holds[at] += 1
        if self.generation(at) == frame.generation:
            return True
        self.drop(at)
        return False

    def drop(self, at: int) -> None:
        """Give back what `hold` took; ``at`` is the frame's ``generation_offset``."""
        self._holds[at] -= 1
        if not self._holds[at] and self.is_mapped:
            self._locks.drop(at)

    def lock(self, at: int) -> bool:
        """Lock any byte, to see whether the writer sees it; returns whether the system did it."""
        return self._locks.share(at)

    def unlock(self, at: int) -> None:
        """End a `lock`."""
        if self.is_mapped:
            self._locks.drop(at)

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
        if offset % PAGE or not 0 < offset < len(self._view):
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
