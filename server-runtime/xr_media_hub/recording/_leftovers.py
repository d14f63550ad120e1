"""Reads back what a hub that was killed had written."""

import logging
from pathlib import Path
from typing import Any

import av
import av.error
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from xr_media_hub.recording._units import MICROSECONDS

__all__ = ("describe_leftover",)

logger = logging.getLogger(__name__)


def describe_leftover(path: Path) -> dict[str, Any] | None:
    """Return the sidecar of a file without one, or None when nothing in it can be played.

    The last fragment may be cut off; what comes before it counts.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams[0]
            if isinstance(stream, VideoStream):
                size = {"width": stream.width, "height": stream.height}
            elif isinstance(stream, AudioStream):
                size = {"sample_rate": stream.rate, "channels": stream.channels}
            else:
                return None
            times = _packet_times_us(container, stream)
            codec = stream.codec_context.name
    except (av.error.FFmpegError, IndexError, OSError) as error:
        logger.debug("%s: %s", path, error)
        return None
    if not times:
        return None
    start_us = int(path.stem)
    kind, count = ("video", "num_frames") if isinstance(stream, VideoStream) else ("audio", "num_packets")
    facts = {"start_us": start_us, "end_us": start_us + max(0, max(times)), count: len(times), **size}
    return facts | {"kind": kind, "codec": codec, "size_bytes": path.stat().st_size, "is_cut_off": True}


def _packet_times_us(container: Any, stream: Any) -> list[int]:
    times: list[int] = []
    try:
        times.extend(
            int(packet.pts * stream.time_base * MICROSECONDS)
            for packet in container.demux(stream)
            if packet.pts is not None
        )
    except av.error.FFmpegError as error:
        logger.debug("%s: cut off after %d packets: %s", container.name, len(times), error)
    return times
