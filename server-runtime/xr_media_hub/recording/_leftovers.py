"""Reads back a file whose end was lost: with the hub that was killed, or on a disk that was full."""

import logging
from pathlib import Path
from typing import Any

import av
import av.error
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from xr_media_hub.recording._sound import FRAME_SAMPLES, RATE_HZ
from xr_media_hub.recording._units import MICROSECONDS

__all__ = ("describe_leftover",)

logger = logging.getLogger(__name__)

_FRAME_US = FRAME_SAMPLES * MICROSECONDS // RATE_HZ


def describe_leftover(path: Path) -> dict[str, Any] | None:
    """Return the sidecar of a file without one, or None when it was read and nothing in it can be played.

    The last fragment may be cut off; what comes before it counts.

    Raises:
        OSError: it cannot be read, so nobody knows what is in it.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams[0]
            times = _packet_times_us(container, stream)
            facts = _facts(stream, times, int(path.stem))
    except OSError:  # PyAV's are FFmpegErrors as well
        raise
    except (av.error.FFmpegError, IndexError) as error:
        logger.debug("%s: %s", path, error)
        return None
    return facts and facts | {"size_bytes": path.stat().st_size, "is_cut_off": True}


def _facts(stream: Any, times_us: list[int], start_us: int) -> dict[str, Any] | None:
    if not times_us:
        return None
    last_us = start_us + max(0, *times_us)
    codec = stream.codec_context.name
    if isinstance(stream, VideoStream):
        seen = {"num_frames": len(times_us), "width": stream.width, "height": stream.height, "kind": "video"}
        return {"start_us": start_us, "end_us": last_us, "codec": codec, **seen}
    if isinstance(stream, AudioStream):
        heard = {"num_samples": len(times_us) * FRAME_SAMPLES, "sample_rate": stream.rate, "channels": stream.channels}
        return {"start_us": start_us, "end_us": last_us + _FRAME_US, "codec": codec, **heard, "kind": "audio"}
    return None


def _packet_times_us(container: Any, stream: Any) -> list[int]:
    times: list[int] = []
    try:
        times.extend(
            int(packet.pts * stream.time_base * MICROSECONDS)
            for packet in container.demux(stream)
            if packet.pts is not None and not packet.is_corrupt
        )
    except av.error.FFmpegError as error:
        if isinstance(error, OSError) and not times:
            raise
        logger.debug("%s: cut off after %d packets: %s", container.name, len(times), error)
    return times
