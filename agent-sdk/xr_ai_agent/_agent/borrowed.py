"""Frames as they are handed to an agent's code: lent in the hub's memory, or made of pixels that came in a message."""

from collections.abc import Callable
from dataclasses import dataclass, field

from xr_ai_agent._frames.ring_map import RingMap
from xr_ai_agent._wire.messages import FrameData, FrameReply, FrameStatus, FrameView, PixelFormat


@dataclass(frozen=True, slots=True)
class BorrowedFrame:
    """A frame in the hub's own memory, not copied; valid inside the ``async with`` that gave it.

    ``data`` is read-only. Hold it briefly: the hub keeps the slot for the lease that was asked for and then may
    write over it, which `is_intact` tells after reading.
    """

    seq: int
    pts_us: int
    width: int
    height: int
    fmt: PixelFormat
    data: memoryview = field(repr=False)
    participant_id: str
    track_id: str
    _generation_now: Callable[[], int] = field(repr=False)
    _generation: int = field(repr=False)

    @property
    def is_intact(self) -> bool:
        """Whether the pixels are still this frame's; also when its track, or the hub, has ended since."""
        return self._generation_now() == self._generation


def lent_frame(reply: FrameReply, ring: RingMap, track: tuple[str, str]) -> BorrowedFrame:
    """Return the frame of a reply, read in its ring. Raises RingError when it does not lie there."""
    pixels, word = ring.view(reply.data_offset, reply.data_sz), ring.generation_word(reply.generation_offset)
    frame = (reply.seq, reply.pts_us, reply.width, reply.height, reply.fmt, pixels)
    return BorrowedFrame(*frame, *track, lambda: int(word[0]), reply.generation)


def owned_frame(frame: FrameData) -> BorrowedFrame:
    """Return a private copy as if it were lent: it stays as it is."""
    values = (frame.seq, frame.pts_us, frame.width, frame.height, frame.fmt, memoryview(frame.data))
    return BorrowedFrame(*values, frame.participant_id, frame.track_id, lambda: 0, 0)


def inline_frame(reply: FrameReply, track: tuple[str, str]) -> FrameData | None:
    """Return the pixels that came with a reply; None when there are none."""
    if reply.status is not FrameStatus.OK:
        return None
    return FrameData(reply.seq, reply.pts_us, reply.width, reply.height, reply.fmt, reply.data, *track)


def view_of(frame: FrameData) -> FrameView:
    """Return a private copy as a view."""
    values = (frame.seq, frame.pts_us, frame.width, frame.height, frame.fmt, memoryview(frame.data))
    return FrameView(*values, frame.participant_id, frame.track_id)
