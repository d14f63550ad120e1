"""What a frame must be to be passed on, whichever way it goes to the hub."""

from xr_ai_agent._errors import MalformedMessageError
from xr_ai_agent._wire.layouts import SIDE_MAX_PX
from xr_ai_agent._wire.messages import PixelFormat


def check_picture(fmt: PixelFormat, width: int, height: int, size_bytes: int) -> None:
    """Accept pixels that are as many bytes as their format and size (in pixels) say.

    Raises:
        MalformedMessageError: otherwise, or for a side that no agent would take.
    """
    if not (0 <= width <= SIDE_MAX_PX and 0 <= height <= SIDE_MAX_PX):
        raise MalformedMessageError(f"{fmt.name} {width}×{height}: expected sides of at most {SIDE_MAX_PX} pixels")
    expected = fmt.frame_bytes(width, height)
    if size_bytes != expected:
        raise MalformedMessageError(f"{fmt.name} {width}×{height}: {size_bytes} bytes, expected {expected}")
