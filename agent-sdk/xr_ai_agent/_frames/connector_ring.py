"""The shared-memory ring of a connector in another process: the v0.1 layout, owned by the connector.

Global header (24 B): magic u32, num_slots u32, max_frame_bytes u64, slot_stride u64. Each slot: a header of 64 B
(magic u32, state u8, fmt u8, pad u16, seq u64, pts_us i64, width u32, height u32, data_sz u32, 28 B pad), then pixels.
"""

import mmap
import os
import secrets
import struct
from collections.abc import Mapping

from xr_ai_agent._errors import FrameTooLargeError, RingError, RingFullError
from xr_ai_agent._frames.shm import create_owned, remove_ownerless, shm_root
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
# Of rings whose owner chose no name. Not v0.1's: its rings carry no lock, so nobody could tell whether one is in use.
_OWN_PREFIX = "xr_ring_"

DEFAULT_NUM_SLOTS = 16
DEFAULT_MAX_FRAME_BYTES = 3840 * 2160 * 3 // 2
"""One 4K frame in 4:2:0."""


class ConnectorRing:
    """One connector's ring; made with `create` by its owner and with `attach` by the hub."""

    def __init__(
        self, name: str, segment: mmap.mmap, num_slots: int, max_frame_bytes: int, lock_fd: int | None = None
    ) -> None:
        """``lock_fd`` is the owner's descriptor, whose lock says that the owner lives."""
        self.name = name
        self.num_slots = num_slots
        self.max_frame_bytes = max_frame_bytes
        self._stride = _SLOT_HEADER_BYTES + max_frame_bytes
        self._map = segment
        self._view = memoryview(segment)
        self._lock_fd = lock_fd
        self._cursor = 0
        # Of the owner: how often each slot was written.
        self._writes = [0] * num_slots

    @classmethod
    def create_for(cls, connector_id: str, num_slots: int, max_frame_bytes: int) -> "ConnectorRing":
        """As `create`, under a name that no other connector has; what connectors left that have died is removed."""
        prefix = f"{_OWN_PREFIX}{os.getuid()}_"
        for path in shm_root().glob(f"{prefix}*"):
            remove_ownerless(path)
        return cls.create(f"{prefix}{connector_id}_{secrets.token_hex(4)}", num_slots, max_frame_bytes)

    @classmethod
    def create(cls, name: str, num_slots: int, max_frame_bytes: int) -> "ConnectorRing":
        """Create the segment (0600); one of the same name that a dead connector left behind is replaced.

        Raises:
            RingError: a living connector has one of this name, or the system has no room for it.
        """
        path = shm_root() / validate_shm_name(name)
        stride = _SLOT_HEADER_BYTES + max_frame_bytes
        size = _GLOBAL.size + num_slots * stride
        try:
            fd = create_owned(path)
        except FileExistsError:
            raise RingError(f"{path} is the ring of another connector; give this one another shm_name") from None
        try:
            os.posix_fallocate(fd, 0, size)
            segment = mmap.mmap(fd, size)
        except OSError as error:
            path.unlink(missing_ok=True)
            os.close(fd)
            raise RingError(f"no room for a ring of {size} bytes in {path.parent}: {error.strerror}") from error
        _GLOBAL.pack_into(segment, 0, _GLOBAL_MAGIC, num_slots, max_frame_bytes, stride)
        ring = cls(name, segment, num_slots, max_frame_bytes, fd)
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
        return cls(name, segment, num_slots, max_frame_bytes)

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
        # Packed apart: what does not fit a field must leave the slot as it is.
        header = _SLOT.pack(_SLOT_MAGIC, _WRITING, int(fmt), 0, seq, pts_us, width, height, data.nbytes)
        self._map[at : at + _SLOT.size] = header
        self._writes[slot] += 1
        start = at + _SLOT_HEADER_BYTES
        self._view[start : start + data.nbytes] = data
        self._map[at + _STATE_OFFSET] = _READY
        return FrameSignal(slot, seq, pts_us, width, height, fmt, data.nbytes)

    def holds(self, signal: FrameSignal) -> bool:
        """Whether a slot holds the very frame that a signal announces."""
        if signal.slot >= self.num_slots or signal.data_sz > self.max_frame_bytes:
            return False
        magic, state, fmt, _, *frame = _SLOT.unpack_from(self._map, self._slot_offset(signal.slot))
        announced = [signal.seq, signal.pts_us, signal.width, signal.height, signal.data_sz]
        return (magic, state, fmt) == (_SLOT_MAGIC, _READY, signal.fmt) and frame == announced

    def read(self, signal: FrameSignal) -> memoryview:
        """Return the pixels of the frame that a signal announces, valid until the slot is released.

        Raises:
            RingError: the slot does not hold that frame; the message says what it holds.
        """
        if not self.holds(signal):
            raise RingError(self._contradiction(signal))
        start = self._slot_offset(signal.slot) + _SLOT_HEADER_BYTES
        return self._view[start : start + signal.data_sz]

    def is_ready(self, slot: int) -> bool:
        """Whether a slot holds a frame that the hub has not given back."""
        return slot < self.num_slots and self._map[self._slot_offset(slot) + _STATE_OFFSET] == _READY

    def release(self, slot: int) -> None:
        """Give a slot back to the connector."""
        if 0 <= slot < self.num_slots:
            self._map[self._slot_offset(slot) + _STATE_OFFSET] = _FREE

    def untaken(self) -> dict[int, int]:
        """Return what the hub has not given back: by slot, which write it was. For the owner."""
        return {slot: self._writes[slot] for slot in range(self.num_slots) if self.is_ready(slot)}

    def take_back(self, untaken: Mapping[int, int]) -> None:
        """Free what is still as `untaken` said: no signal of it is on its way any more. For the owner."""
        for slot, write in untaken.items():
            if self._writes[slot] == write:
                self.release(slot)

    def reset(self) -> None:
        """Make every slot free."""
        for slot in range(self.num_slots):
            _SLOT.pack_into(self._map, self._slot_offset(slot), _SLOT_MAGIC, _FREE, 0, 0, 0, 0, 0, 0, 0)

    def close(self) -> None:
        """Unmap; the owner also removes the segment."""
        if self._lock_fd is not None:
            (shm_root() / self.name).unlink(missing_ok=True)
            os.close(self._lock_fd)
            self._lock_fd = None
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

    def _contradiction(self, signal: FrameSignal) -> str:
        if signal.slot >= self.num_slots:
            return f"slot {signal.slot} of a ring of {self.num_slots}"
        magic, state, *_, size = header = _SLOT.unpack_from(self._map, self._slot_offset(signal.slot))
        if magic != _SLOT_MAGIC or state != _READY or size > self.max_frame_bytes:
            return f"slot {signal.slot}: magic {magic:#x}, state {state}, {size} bytes; expected a ready frame"
        _, _, fmt, _, seq, pts_us, width, height, _ = header
        held = f"frame {seq} (format {fmt}, {width}×{height}, {size} bytes, at {pts_us})"
        announced = f"{signal.seq} (format {signal.fmt}, {signal.width}×{signal.height}, {signal.data_sz} bytes"
        return f"slot {signal.slot} holds {held}, not {announced}, at {signal.pts_us})"

    def _slot_offset(self, slot: int) -> int:
        return _GLOBAL.size + slot * self._stride
