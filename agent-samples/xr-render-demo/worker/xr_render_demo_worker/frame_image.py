"""A frame of the hub as a JPEG, for models that take encoded pictures."""

import io

import numpy as np
from numpy.typing import NDArray

from xr_ai_agent import FrameData, PixelFormat

__all__ = ("to_jpeg", "to_rgb")

_JPEG_QUALITY = 90


def to_jpeg(frame: FrameData) -> bytes:
    """Return the frame as JPEG.

    Raises:
        ValueError: fewer bytes than the frame's size needs, or an unknown pixel format.
    """
    # Imported here: pictures are looked at rarely, and the import costs 60 ms at start.
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(to_rgb(frame)).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def to_rgb(frame: FrameData) -> NDArray[np.uint8]:
    """Return the frame as height x width x 3 RGB bytes; raises as `to_jpeg`."""
    fmt = PixelFormat(frame.fmt)
    needed = fmt.frame_bytes(frame.width, frame.height)
    if len(frame.data) < needed:
        raise ValueError(f"a {frame.width}x{frame.height} {fmt.name} frame has {needed} bytes, got {len(frame.data)}")
    pixels = np.frombuffer(frame.data, np.uint8, needed)
    if fmt in (PixelFormat.I420, PixelFormat.NV12):
        return _from_planes(pixels, frame.width, frame.height, interleaved=fmt is PixelFormat.NV12)
    channels = 3 if fmt is PixelFormat.RGB24 else 4
    image = pixels.reshape(frame.height, frame.width, channels)[..., :3]
    return np.ascontiguousarray(image[..., ::-1] if fmt is PixelFormat.BGRA else image)


def _from_planes(pixels: NDArray[np.uint8], width: int, height: int, *, interleaved: bool) -> NDArray[np.uint8]:
    """BT.601 limited range, the colour space of WebRTC's cameras."""
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    luma_bytes, chroma_bytes = width * height, half_width * half_height
    luma = pixels[:luma_bytes].reshape(height, width).astype(np.float32) - 16.0
    chroma = pixels[luma_bytes : luma_bytes + 2 * chroma_bytes]
    planes = chroma.reshape(-1, 2).T if interleaved else chroma.reshape(2, -1)
    u, v = (_enlarged(plane.reshape(half_height, half_width), width, height) for plane in planes)
    scaled = 1.164 * luma
    rgb = np.stack((scaled + 1.596 * v, scaled - 0.392 * u - 0.813 * v, scaled + 2.017 * u), axis=-1)
    clipped: NDArray[np.uint8] = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
    return clipped


def _enlarged(plane: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float32]:
    full = plane.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return full.astype(np.float32) - 128.0
