"""Which encoder records pictures: NVENC where it is there and wanted, software otherwise; what was chosen is said."""

import logging
from collections.abc import Iterable
from fractions import Fraction
from typing import Literal, Protocol, cast

import av.codec
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.stream import VideoStream

from xr_ai_program import StartupError
from xr_media_hub.recording._nvenc import NvencCodec, NvencUnavailable
from xr_media_hub.recording._pictures import Planes, video_frame
from xr_media_hub.recording._units import MICROSECOND, AnyPacket

__all__ = ("CodecChoice", "Encoder", "SoftwareCodec", "VideoCodec", "choose_codec")

logger = logging.getLogger(__name__)

CodecChoice = Literal["auto", "hardware", "software"]

# The best first. Each runs ahead of a camera on one core and holds no frame back, so that a killed hub loses little.
_SOFTWARE: dict[str, dict[str, str]] = {
    "libx264": {"preset": "superfast", "tune": "zerolatency", "crf": "23"},
    "libopenh264": {},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "crf": "33"},
}
# WebRTC's pictures, and what players would otherwise guess differently for each size.
_LIMITED_RANGE = 1
_BT601 = 6


class Encoder(Protocol):
    """Encodes the pictures of one file, which follow each other in time."""

    def encode(self, planes: Planes, pts_us: int, *, is_key: bool) -> Iterable[AnyPacket]:
        """Return what can be written now."""

    def flush(self) -> Iterable[AnyPacket]:
        """Return the rest."""


class VideoCodec(Protocol):
    """Makes an encoder for each file."""

    name: str

    def open(self, container: OutputContainer, width: int, height: int) -> Encoder:
        """Return an encoder whose packets belong to a new stream of ``container``."""


def choose_codec(choice: CodecChoice, *, bitrate: int, fps: float, gpu_id: int) -> VideoCodec:
    """Return the codec for ``video_codec`` and say in the log which it is.

    Raises:
        StartupError: hardware is insisted on and is not there, or no encoder exists at all.
    """
    if choice == "software":
        return _software(bitrate, fps, "video_codec: software")
    try:
        hardware = NvencCodec(bitrate=bitrate, fps=fps, gpu_id=gpu_id)
    except NvencUnavailable as error:
        if choice == "hardware":
            raise StartupError(f"video_codec: hardware, but {error}; or set video_codec: auto") from error
        return _software(bitrate, fps, str(error))
    logger.info("recording with %s on GPU %d", hardware.name, gpu_id)
    return hardware if choice == "hardware" else _WithSpare(hardware, _first_software(bitrate, fps))


def _software(bitrate: int, fps: float, why: str) -> "SoftwareCodec":
    codec = _first_software(bitrate, fps)
    logger.info("recording with %s in software (%s)", codec.name, why)
    return codec


def _first_software(bitrate: int, fps: float) -> "SoftwareCodec":
    for name in _SOFTWARE:
        if name in av.codec.codecs_available:
            return SoftwareCodec(name, bitrate=bitrate, fps=fps)
    raise StartupError(f"this build of PyAV has none of the encoders {', '.join(_SOFTWARE)}; install its binary wheel")


class SoftwareCodec:
    """An encoder of FFmpeg's."""

    def __init__(self, name: str, *, bitrate: int, fps: float) -> None:
        self.name = name
        self._bitrate = bitrate
        self._fps = Fraction(fps).limit_denominator(1000)

    def open(self, container: OutputContainer, width: int, height: int) -> Encoder:
        """See `VideoCodec`."""
        limits = {"maxrate": str(self._bitrate), "bufsize": str(2 * self._bitrate)}
        stream = cast(
            VideoStream, container.add_stream(self.name, rate=self._fps, options=_SOFTWARE[self.name] | limits)
        )
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        stream.time_base = context.time_base = MICROSECOND
        # Quality where the picture allows it, never more than this: 0 leaves VP9 to its crf and maxrate.
        context.bit_rate = self._bitrate if self.name != "libx264" else 0
        context.thread_count = 1
        context.color_range, context.colorspace = _LIMITED_RANGE, _BT601
        context.color_primaries = context.color_trc = _BT601
        return _SoftwareEncoder(stream)


class _SoftwareEncoder:
    def __init__(self, stream: VideoStream) -> None:
        self._stream = stream

    def encode(self, planes: Planes, pts_us: int, *, is_key: bool) -> Iterable[AnyPacket]:
        frame = video_frame(planes)
        frame.pts, frame.time_base = pts_us, MICROSECOND
        frame.pict_type = PictureType.I if is_key else PictureType.NONE
        return self._stream.encode(frame)

    def flush(self) -> Iterable[AnyPacket]:
        return self._stream.encode(None)


class _WithSpare:
    """Hardware for as many files as it can encode at a time (consumer cards have a limit), software for the others."""

    def __init__(self, hardware: VideoCodec, software: VideoCodec) -> None:
        self.name = hardware.name
        self._hardware = hardware
        self._software = software

    def open(self, container: OutputContainer, width: int, height: int) -> Encoder:
        try:
            return self._hardware.open(container, width, height)
        except NvencUnavailable as error:
            logger.warning("a %d × %d recording goes on with %s: %s", width, height, self._software.name, error)
            return self._software.open(container, width, height)
