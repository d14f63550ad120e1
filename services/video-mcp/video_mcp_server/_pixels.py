"""Video frames as RGB arrays."""

import numpy as np
from numpy.typing import NDArray

from xr_ai_agent import FrameData, PixelFormat

Rgb = NDArray[np.uint8]
_Plane = NDArray[np.uint8]

# BT.601, limited range: luma 16..235, chroma centred on 128.
_LUMA_ZERO, _CHROMA_ZERO, _LUMA_GAIN = 16.0, 128.0, 1.164
_RED_PER_CR, _GREEN_PER_CB, _GREEN_PER_CR, _BLUE_PER_CB = 1.596, -0.392, -0.813, 2.017


class BadFrameError(Exception):
    """A frame's bytes are not what its size and format say."""


def to_rgb(frame: FrameData) -> Rgb:
    """Return the frame as an array of shape (height, width, 3).

    Raises:
        BadFrameError: too few or too many bytes, or a size of nothing.
    """
    width, height = frame.width, frame.height
    expected = frame.fmt.frame_bytes(width, height) if width > 0 and height > 0 else 0
    if expected == 0 or len(frame.data) != expected:
        raise BadFrameError(f"{frame.fmt.name} {width}×{height} with {len(frame.data)} bytes; expected {expected}")
    data = np.frombuffer(frame.data, np.uint8)
    match frame.fmt:
        case PixelFormat.RGB24:
            return data.reshape(height, width, 3)
        case PixelFormat.RGBA:
            return data.reshape(height, width, 4)[..., :3]
        case PixelFormat.BGRA:
            return data.reshape(height, width, 4)[..., 2::-1]
        case _:
            return _yuv_to_rgb(*_planes(frame.fmt, data, width, height))


def _planes(fmt: PixelFormat, data: _Plane, width: int, height: int) -> tuple[_Plane, _Plane, _Plane]:
    """Return luma, and both chroma planes enlarged to luma's size (nearest neighbour)."""
    luma_bytes, chroma_shape = width * height, ((height + 1) // 2, (width + 1) // 2)
    luma, chroma = data[:luma_bytes].reshape(height, width), data[luma_bytes:]
    if fmt is PixelFormat.I420:
        blue, red = chroma.reshape(2, *chroma_shape)
    else:
        blue, red = np.moveaxis(chroma.reshape(*chroma_shape, 2), 2, 0)
    return luma, _doubled(blue, height, width), _doubled(red, height, width)


def _doubled(plane: _Plane, height: int, width: int) -> _Plane:
    return plane.repeat(2, axis=0)[:height].repeat(2, axis=1)[:, :width]


def _yuv_to_rgb(luma: _Plane, blue: _Plane, red: _Plane) -> Rgb:
    y = (luma.astype(np.float32) - _LUMA_ZERO) * _LUMA_GAIN
    cb, cr = blue.astype(np.float32) - _CHROMA_ZERO, red.astype(np.float32) - _CHROMA_ZERO
    channels = (y + _RED_PER_CR * cr, y + _GREEN_PER_CB * cb + _GREEN_PER_CR * cr, y + _BLUE_PER_CB * cb)
    return np.clip(np.stack(channels, axis=2) + 0.5, 0, 255).astype(np.uint8)
