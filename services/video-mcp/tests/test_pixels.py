"""Pixel formats become the colours that were filmed."""

import numpy as np
import pytest

from video_mcp_server._pixels import BadFrameError, to_rgb
from xr_ai_agent import FrameData, PixelFormat

# BT.601 limited range, as video encoders produce it: (Y, Cb, Cr).
COLORS = {
    (255, 0, 0): (81, 90, 240),
    (0, 255, 0): (145, 54, 34),
    (0, 0, 255): (41, 240, 110),
    (255, 255, 255): (235, 128, 128),
    (0, 0, 0): (16, 128, 128),
}


def frame(fmt: PixelFormat, width: int, height: int, data: bytes) -> FrameData:
    return FrameData(1, 1, width, height, fmt, data, "alice", "cam")


@pytest.mark.parametrize("size", [(8, 6), (7, 5), (1, 1)])
@pytest.mark.parametrize("rgb", COLORS)
def test_i420_and_nv12(rgb: tuple[int, int, int], size: tuple[int, int]):
    width, height = size
    chroma = ((width + 1) // 2) * ((height + 1) // 2)
    y, cb, cr = COLORS[rgb]
    planar = bytes([y]) * (width * height) + bytes([cb]) * chroma + bytes([cr]) * chroma
    interleaved = bytes([y]) * (width * height) + bytes([cb, cr]) * chroma
    for fmt, data in ((PixelFormat.I420, planar), (PixelFormat.NV12, interleaved)):
        picture = to_rgb(frame(fmt, width, height, data))
        assert picture.shape == (height, width, 3)
        assert np.abs(picture.astype(int) - rgb).max() <= 3


def test_chroma_belongs_to_its_own_two_by_two_block():
    luma = bytes([81, 81, 41, 41] * 2)
    picture = to_rgb(frame(PixelFormat.I420, 4, 2, luma + bytes([90, 240]) + bytes([240, 110])))
    assert np.abs(picture[:, :2].astype(int) - (255, 0, 0)).max() <= 3
    assert np.abs(picture[:, 2:].astype(int) - (0, 0, 255)).max() <= 3


def test_packed_formats():
    pixels = {PixelFormat.RGB24: [1, 2, 3], PixelFormat.RGBA: [1, 2, 3, 9], PixelFormat.BGRA: [3, 2, 1, 9]}
    for fmt, pixel in pixels.items():
        assert to_rgb(frame(fmt, 3, 2, bytes(pixel * 6))).tolist() == [[[1, 2, 3]] * 3] * 2


@pytest.mark.parametrize(("width", "height", "size"), [(8, 6, 10), (0, 0, 0), (-2, 4, 8)])
def test_bytes_that_do_not_fit_are_refused(width: int, height: int, size: int):
    with pytest.raises(BadFrameError, match="expected"):
        to_rgb(frame(PixelFormat.I420, width, height, bytes(size)))
