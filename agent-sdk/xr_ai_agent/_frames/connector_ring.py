"""The shared-memory ring of a connector in another process: the v0.1 layout, owned by the connector.

Global header (24 B): magic u32, num_slots u32, max_frame_bytes u64, slot_stride u64. Each slot: a header of 64 B
(magic u32, state u8, fmt u8, pad u16, seq u64, pts_us i64, width u32, height u32, data_sz u32, 28 B pad), then pixels.
"""

import mmap
import os
import struct
from dataclasses import dataclass

from xr_ai_agent._errors import FrameTooLargeError, RingError, RingFullError
from xr_ai_agent._frames.shm import shm_root
from xr_ai_agent._wire.ids import validate_shm_name
from xr_ai_agent._wire.messages import FrameSignal, PixelFormat

_GLOBAL = struct.Struct("=IIQQ")
_SLOT = struct.Struct("=IBBHQqIII")
_GLOBAL_MAGIC = 0xC0FFEE01
_SLOT_MAGIC = 0xF4A3E501
_SLOT_HEADER_BYTES = 64
_STATE_OFFSET = 4
_FREE, _WRITING, _READY = 0, 1, 2
_SLOTS_MAX = 4096

DEFAULT_NUM_SLOTS = 16
DEFAULT_MAX_FRAME_BYTES = 3840 * 2160 * 3 // 2
"""One 4K frame in 4:2:0."""


@dataclass(frozen=True, slots=True)
class RingFrame:
    """What one slot holds; ``data`` is valid until the slot is released."""

    seq: int
    pts_us: int
    width: int
    height: int
    fmt: PixelFormat
    data: memoryview


class ConnectorRing:
    """One connector's ring; made with `create` by its owner and with `attach` by the hub."""

    def __init__(self, name: str, segment: mmap.mmap, num_slots: int, max_frame_bytes: int, *, is_owner: bool) -> None:
        self.name = name
        self.num_slots = num_slots
        self.max_frame_bytes = max_frame_bytes
        self._stride = _SLOT_HEADER_BYTES + max_frame_bytes
        self._map = segment
        self._view = memoryview(segment)
        self._is_owner = is_owner
        self._cursor = 0

    @classmethod
    def create(cls, name: str, num_slots: int, max_frame_bytes: int) -> "ConnectorRing":
        """Create the segment (0600); one of the same name that a dead connector left behind is replaced.

        Raises:
            RingError: the system has no room for it.
        """
        path = shm_root() / validate_shm_name(name)
        path.unlink(missing_ok=True)
        stride = _SLOT_HEADER_BYTES + max_frame_bytes
        size = _GLOBAL.size + num_slots * stride
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, size)
            segment = mmap.mmap(fd, size)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise RingError(f"no room for a ring of {size} bytes in {path.parent}: {error.strerror}") from error
        finally:
            os.close(fd)
        _GLOBAL.pack_into(segment, 0, _GLOBAL_MAGIC, num_slots, max_frame_bytes, stride)
        ring = cls(name, segment, num_slots, max_frame_bytes, is_owner=True)
        ring.reset()
        return ring

    @classmethod
    def attach(cls, name: str) -> "ConnectorRing":
        """Map the ring that a connector announced.

        Raises:
            RingError: it is missing or not laid out as it should be.
        """
        path = shm_root() / validate_shm_name(name)
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise RingError(f"cannot open the connector's ring {path}: {error.strerror}") from error
        try:
            size = os.fstat(fd).st_size
            if size < _GLOBAL.size:
                raise RingError(f"{path}: {size} bytes are too few for a ring")
            segment = mmap.mmap(fd, size)
        finally:
            os.close(fd)
        magic, num_slots, max_frame_bytes, stride = _GLOBAL.unpack_from(segment)
        fits = _GLOBAL.size + num_slots * stride <= size and stride == _SLOT_HEADER_BYTES + max_frame_bytes
        if magic != _GLOBAL_MAGIC or not 1 <= num_slots <= _SLOTS_MAX or not fits:
            segment.close()
            raise RingError(f"{path}: not a connector's ring (magic {magic:#x}, {num_slots} slots, {size} bytes)")
        return cls(name, segment, num_slots, max_frame_bytes, is_owner=False)

    def write(self, seq: int, pts_us: int, width: int, height: int, fmt: PixelFormat, data: memoryview) -> FrameSignal:
        """Copy a frame into a free slot and return its signal (with default ids).

        Raises:
            FrameTooLargeError: it has more bytes than a slot.
            RingFullError: the hub still holds every slot.
        """
        if data.nbytes > self.max_frame_bytes:
            raise FrameTooLargeError(
                f"frame of {data.nbytes} bytes; a slot holds {self.max_frame_bytes}: raise max_frame_bytes"
            )
        slot = self._take_free_slot()
        at = self._slot_offset(slot)
        header = (int(fmt), 0, seq, pts_us, width, height, data.nbytes)
        _SLOT.pack_into(self._map, at, _SLOT_MAGIC, _WRITING, *header)
        start = at + _SLOT_HEADER_BYTES
        self._view[start : start + data.nbytes] = data
        self._map[at + _STATE_OFFSET] = _READY
        return FrameSignal(slot, seq, pts_us, width, height, fmt, data.nbytes)

    def read(self, signal: FrameSignal) -> RingFrame:
        """Return the frame a signal announces.

        Raises:
            RingError: the slot does not hold that frame.
        """
        if signal.slot >= self.num_slots:
            raise RingError(f"slot {signal.slot} of a ring of {self.num_slots}")
        at = self._slot_offset(signal.slot)
        magic, state, fmt, _, seq, pts_us, width, height, size = _SLOT.unpack_from(self._map, at)
        if magic != _SLOT_MAGIC or state != _READY or size > self.max_frame_bytes:
            raise RingError(
                f"slot {signal.slot}: magic {magic:#x}, state {state}, {size} bytes; expected a ready frame"
            )
        if (seq, size) != (signal.seq, signal.data_sz):
            raise RingError(f"slot {signal.slot} holds frame {seq} ({size} bytes), not {signal.seq} ({signal.data_sz})")
        start = at + _SLOT_HEADER_BYTES
        try:
            return RingFrame(seq, pts_us, width, height, PixelFormat(fmt), self._view[start : start + size])
        except ValueError as error:
            raise RingError(f"slot {signal.slot}: {error}") from error

    def release(self, slot: int) -> None:
        """Give a slot back to the connector."""
        if 0 <= slot < self.num_slots:
            self._map[self._slot_offset(slot) + _STATE_OFFSET] = _FREE

    def reset(self) -> None:
        """Make every slot free: the hub that held them is gone."""
        for slot in range(self.num_slots):
            _SLOT.pack_into(self._map, self._slot_offset(slot), _SLOT_MAGIC, _FREE, 0, 0, 0, 0, 0, 0, 0)

    def close(self) -> None:
        """Unmap; the owner also removes the segment."""
        if self._is_owner:
            (shm_root() / self.name).unlink(missing_ok=True)
        self._view.release()
        try:
            self._map.close()
        except BufferError:
            # Somebody still holds a frame's view; the memory goes with it.
            return

    def _take_free_slot(self) -> int:
        for step in range(self.num_slots):
            slot = (self._cursor + step) % self.num_slots
            if self._map[self._slot_offset(slot) + _STATE_OFFSET] == _FREE:
                self._cursor = (slot + 1) % self.num_slots
                return slot
        raise RingFullError(f"all {self.num_slots} slots are held by the hub; the frame is dropped")

    def _slot_offset(self, slot: int) -> int:
        return _GLOBAL.size + slot * self._stride
