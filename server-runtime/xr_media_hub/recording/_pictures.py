"""A frame of any of the hub's formats as planar YUV 4:2:0 with even sides, which every encoder takes."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from av import VideoFrame

from xr_ai_agent import PixelFormat

__all__ = ("Picture", "Planes", "planes_of", "video_frame")

Planes: TypeAlias = npt.NDArray[np.uint8]
"""(height * 3 / 2, width): luma, then the two chroma planes, as one block."""

_RGB_FORMATS = {PixelFormat.RGB24: ("rgb24", 3), PixelFormat.RGBA: ("rgba", 4), PixelFormat.BGRA: ("bgra", 4)}


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame with its own copy of the pixels."""

    pts_us: int
    fmt: PixelFormat
    width: int
    height: int
    data: bytes


def planes_of(picture: Picture) -> Planes:
    """Return the pixels; an odd side is made even by repeating its last row or column."""
    if picture.fmt in _RGB_FORMATS:
        return _from_rgb(picture)
    width, height = picture.width, picture.height
    pixels = np.frombuffer(picture.data, np.uint8)
    is_even = not (width % 2 or height % 2)
    if picture.fmt is PixelFormat.I420 and is_even:
        return pixels.reshape(height * 3 // 2, width)
    luma = _even(pixels[: width * height].reshape(height, width))
    chroma = pixels[width * height :]
    if picture.fmt is PixelFormat.NV12:
        chroma = np.concatenate([chroma[0::2], chroma[1::2]])
    return np.concatenate([luma.reshape(-1), chroma]).reshape(luma.shape[0] * 3 // 2, luma.shape[1])


def video_frame(planes: Planes) -> VideoFrame:
    """Return a frame that reads ``planes`` in place."""
    return VideoFrame.from_numpy_buffer(planes, format="yuv420p")


def _from_rgb(picture: Picture) -> Planes:
    name, channels = _RGB_FORMATS[picture.fmt]
    pixels = np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, channels)
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(_even(pixels)), format=name)
    return np.asarray(frame.reformat(format="yuv420p").to_ndarray(), np.uint8)


def _even(pixels: Planes) -> Planes:
    height, width = pixels.shape[:2]
    padding = [(0, height % 2), (0, width % 2)] + [(0, 0)] * (pixels.ndim - 2)
    return np.pad(pixels, padding, mode="edge")
