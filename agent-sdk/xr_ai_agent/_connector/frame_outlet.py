"""How a connector in another process gives its frames to the hub: through shared memory, or inside messages."""

from collections.abc import Mapping
from typing import Final, Protocol

from xr_ai_agent._errors import FrameTooLargeError, RingFullError
from xr_ai_agent._frames.connector_ring import ConnectorRing
from xr_ai_agent._net.sockets import PushSender
from xr_ai_agent._wire.codec import encode
from xr_ai_agent._wire.messages import FrameData, FrameSignal, MsgType

# A hub cuts off who sends a message of more than 64 MiB.
INLINE_FRAME_MAX_BYTES: Final = 48 * 2**20


class FrameOutlet(Protocol):
    """Where a connector's frames go."""

    @property
    def shm_name(self) -> str:
        """The segment that the hub shall map; empty when frames come inside messages."""

    def send(self, frame: FrameSignal, pixels: memoryview) -> None:
        """Pass a frame on; its slot is chosen here.

        Raises:
            RingFullError: the hub does not keep up (or is gone); the frame is dropped.
            FrameTooLargeError: there is no room for so large a frame.
        """

    def untaken(self) -> dict[int, int]:
        """Return which frames the hub has not taken."""

    def take_back(self, untaken: Mapping[int, int]) -> None:
        """Free what is still as `untaken` said: the hub does not know of it."""

    def close(self) -> None:
        """Free the memory."""


class RingOutlet:
    """Pixels through the connector's ring, which the hub maps: both run on one machine."""

    def __init__(self, ring: ConnectorRing, sender: PushSender) -> None:
        self._ring = ring
        self._sender = sender
        self.shm_name = ring.name
        self.untaken = ring.untaken
        self.take_back = ring.take_back
        self.close = ring.close

    def send(self, frame: FrameSignal, pixels: memoryview) -> None:
        """See `FrameOutlet`."""
        stored = self._ring.write(frame.seq, frame.pts_us, frame.width, frame.height, frame.fmt, pixels)
        signal = FrameSignal(
            *(stored.slot, frame.seq, frame.pts_us, frame.width, frame.height, frame.fmt, stored.data_sz),
            *(frame.participant_id, frame.track_id),
        )
        if not self._sender.send_now(encode(MsgType.FRAME_SIGNAL, signal)):
            self._ring.release(stored.slot)
            raise RingFullError("the hub takes no messages; the frame is dropped")


class InlineOutlet:
    """Pixels inside messages, copied into the hub's memory at the other end: the hub runs on another machine."""

    shm_name = ""

    def __init__(self, sender: PushSender, max_frame_bytes: int) -> None:
        self._sender = sender
        self._max_frame_bytes = min(max_frame_bytes, INLINE_FRAME_MAX_BYTES)

    def send(self, frame: FrameSignal, pixels: memoryview) -> None:
        """See `FrameOutlet`."""
        if pixels.nbytes > self._max_frame_bytes:
            raise FrameTooLargeError(f"frame of {pixels.nbytes} bytes; at most {self._max_frame_bytes} are sent")
        message = FrameData(
            *(frame.seq, frame.pts_us, frame.width, frame.height, frame.fmt, bytes(pixels)),
            *(frame.participant_id, frame.track_id),
        )
        if not self._sender.send_now(encode(MsgType.FRAME_DATA, message)):
            raise RingFullError("the hub takes no messages; the frame is dropped")

    def untaken(self) -> dict[int, int]:
        """Nothing is held."""
        return {}

    def take_back(self, untaken: Mapping[int, int]) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""
