"""NVENC through PyNvVideoCodec (2.2 or newer), which exists only where an NVIDIA driver with an encoder is."""

import importlib
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from av import Packet
from av.container import OutputContainer
from av.stream import Stream

from xr_media_hub.recording._pictures import Planes
from xr_media_hub.recording._units import MICROSECOND, AnyPacket

__all__ = ("MODULE", "NvencCodec", "NvencUnavailable")

MODULE = "PyNvVideoCodec"
# NV_ENC_PIC_TYPE of the Video Codec SDK: the picture that decoding can start at.
_IDR_PICTURE = 3
# No file lasts longer.
_LONGEST_S = 3600
_FAILURE_CHARS = 200


class NvencUnavailable(Exception):
    """There is no such encoder here, or it takes no more; the text says what is missing."""


class NvencCodec:
    """Makes an NVENC session per file; see `VideoCodec`."""

    name = "nvenc h264"

    def __init__(self, *, bitrate: int, fps: float, gpu_id: int) -> None:
        """Load the library.

        Raises:
            NvencUnavailable: the library, the driver or the encoder is missing.
        """
        self._library = _load()
        self._bitrate = bitrate
        self._fps = max(1, round(fps))
        self._gpu_id = gpu_id
        try:
            flags = self._library.NV_ENC_PIC_FLAGS
            self._key_flags = int(flags.FORCEIDR) | int(flags.OUTPUT_SPSPPS)
        except AttributeError as error:
            raise NvencUnavailable(f"{MODULE} cannot be told where a picture starts anew; 2.2 or newer can") from error
        try:
            self._library.GetEncoderCaps(gpuid=gpu_id, codec="h264")
        except Exception as error:  # the binding raises what its C++ side throws
            raise NvencUnavailable(f"GPU {gpu_id} has no H.264 encoder: {_first_line(error)}") from error

    def open(self, container: OutputContainer, width: int, height: int) -> "_NvencEncoder":
        """See `VideoCodec`. Raises NvencUnavailable."""
        options = {
            "gpu_id": self._gpu_id,
            "codec": "h264",
            "preset": "P4",
            "tuning_info": "high_quality",
            "rc": "vbr",
            "bitrate": self._bitrate,
            "fps": self._fps,
            # No picture waits for a later one. Where one can start to play is said with the picture, by its time: a
            # camera that is slower than ``fps`` would make a number of pictures last long.
            "bf": 0,
            "lookahead": 0,
            "gop": self._fps * _LONGEST_S,
            "idrperiod": self._fps * _LONGEST_S,
            "repeatspspps": 1,
        }
        try:
            session = self._library.CreateEncoder(width, height, "YUV420", True, **options)
        except Exception as error:  # as above
            raise NvencUnavailable(f"GPU {self._gpu_id} takes no further session: {_first_line(error)}") from error
        stream = container.add_mux_stream("h264", width=width, height=height, time_base=MICROSECOND)
        return _NvencEncoder(session, stream, self._key_flags)


class _NvencEncoder:
    """Pictures come out in the order in which they went in, so their times need no more than a queue."""

    def __init__(self, session: Any, stream: Stream, key_flags: int) -> None:
        self._session = session
        self._stream = stream
        self._key_flags = key_flags
        self._times_us: deque[int] = deque()

    def encode(self, planes: Planes, pts_us: int, *, is_key: bool) -> Iterable[AnyPacket]:
        self._times_us.append(pts_us)
        encoded = self._session.Encode(planes, self._key_flags) if is_key else self._session.Encode(planes)
        return self._packets(encoded)

    def flush(self) -> Iterable[AnyPacket]:
        return self._packets(self._session.EndEncode())

    def _packets(self, encoded: list[dict[str, Any]]) -> Iterator[AnyPacket]:
        for each in encoded:
            packet: AnyPacket = Packet(bytes(each["data"]))
            packet.pts = packet.dts = self._times_us.popleft()
            packet.time_base = MICROSECOND
            packet.is_keyframe = each["picture_type"] == _IDR_PICTURE
            packet.stream = self._stream
            yield packet


def _load() -> Any:
    try:
        return importlib.import_module(MODULE)
    except ModuleNotFoundError as error:
        raise NvencUnavailable(f"{MODULE} is not installed (pip install 'xr-media-hub[nvenc]')") from error
    except Exception as error:  # its import asks the driver, and fails in many ways without one
        raise NvencUnavailable(f"{MODULE} found no encoder: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:_FAILURE_CHARS] or type(error).__name__
