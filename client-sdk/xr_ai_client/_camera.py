"""A camera: repeats the newest picture at its frame rate, so that whoever subscribes later sees it too."""

import asyncio
import contextlib

import numpy as np
import numpy.typing as npt
from livekit import rtc

Picture = npt.NDArray[np.uint8]


class Camera:
    """Made by `Participant.open_camera`; ``show`` changes the picture."""

    def __init__(self, picture: Picture, fps: float) -> None:
        self._frame = _frame(picture)
        self._fps = fps
        self.source = rtc.VideoSource(self._frame.width, self._frame.height)
        self._feeder = asyncio.create_task(self._feed(), name="camera")

    def show(self, picture: Picture) -> None:
        """Send this picture from now on: uint8 RGB, shape (height, width, 3). Raises ValueError for another."""
        self._frame = _frame(picture)

    async def aclose(self) -> None:
        """Stop sending."""
        self._feeder.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._feeder

    async def _feed(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self.source.capture_frame(self._frame)
            due += 1 / self._fps
            await asyncio.sleep(max(0.0, due - loop.time()))


def _frame(picture: Picture) -> rtc.VideoFrame:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"expected a uint8 picture of shape (height, width, 3), found {picture.dtype} {picture.shape}")
    height, width, _ = picture.shape
    rgb = rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, np.ascontiguousarray(picture).tobytes())
    return rgb.convert(rtc.VideoBufferType.I420)
