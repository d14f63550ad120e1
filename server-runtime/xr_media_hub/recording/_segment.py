"""One file of a recording: what belongs into it, how it is written, and what its sidecar tells."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import av
from av.container import OutputContainer

from xr_ai_agent import AudioChunk
from xr_media_hub.recording._archive import SegmentFile
from xr_media_hub.recording._codecs import VideoCodec
from xr_media_hub.recording._pictures import Picture, planes_of
from xr_media_hub.recording._sound import OpusEncoder
from xr_media_hub.recording._units import MICROSECONDS, AnyPacket

__all__ = ("AudioSegment", "Limits", "Segment", "VideoSegment")

# A player can start, and a killed hub's file can be read, at any of these.
_FRAGMENT_US = MICROSECONDS
_MUXER = {"movflags": "+delay_moov+default_base_moof", "flush_packets": "1"}
_VIDEO_MUXER = _MUXER | {"movflags": f"{_MUXER['movflags']}+frag_keyframe"}
_AUDIO_MUXER = _MUXER | {"frag_duration": str(_FRAGMENT_US)}

ItemT = TypeVar("ItemT", contravariant=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a file ends and the next begins; 0 frames: no limit of that kind."""

    segment_us: int
    segment_bytes: int
    chunk_frames: int = 0


class Segment(Protocol[ItemT]):
    """A file that is being written."""

    def fits(self, item: ItemT) -> bool:
        """Whether the item belongs into this file; if not, the next one starts with it."""

    def add(self, item: ItemT) -> None:
        """Write the item. Raises OSError or FFmpegError."""

    def close(self) -> None:
        """Complete the file. Raises OSError or FFmpegError; the file is closed all the same."""


class _File:
    """The container on a `SegmentFile`.

    The container is closed before the file in any case: one that is forgotten writes its end when it is collected,
    to a descriptor that belongs to somebody else by then.
    """

    def __init__(self, file: SegmentFile, options: dict[str, str]) -> None:
        self.file = file
        self._has_failed = False
        try:
            self.container: OutputContainer = av.open(file, "w", format="mp4", options=options)
        except BaseException:
            file.discard()
            raise
        # For a file that was moved or renamed.
        self.container.metadata["comment"] = f"start_us={file.start_us}"

    def write(self, packets: Iterable[AnyPacket]) -> None:
        try:
            for packet in packets:
                self.container.mux(packet)
        except BaseException:
            self._has_failed = True
            raise

    def close(self, rest: Iterable[AnyPacket], facts: Callable[[], dict[str, Any]]) -> None:
        """Write ``rest`` and end the file; ``facts`` are asked for after that, unless something was lost."""
        with ExitStack() as stack:
            stack.callback(self._end, facts)
            stack.callback(self._close_container)
            if not self._has_failed:
                self.write(rest)

    def discard(self) -> None:
        """Take the file away: nothing was written that could be played."""
        self._has_failed = True
        self._close_container()
        self.file.discard()

    def _close_container(self) -> None:
        if self._has_failed:
            with suppress(Exception):  # it was said when it happened
                self.container.close()
            return
        try:
            self.container.close()
        except BaseException:
            self._has_failed = True
            raise

    def _end(self, facts: Callable[[], dict[str, Any]]) -> None:
        if self._has_failed:
            self.file.cut_off()
        else:
            self.file.finish(facts())


class VideoSegment:
    """Pictures of one size, each at its own time."""

    def __init__(self, file: SegmentFile, first: Picture, codec: VideoCodec, limits: Limits) -> None:
        self._size = (first.width, first.height)
        self._limits = limits
        self._codec_name = codec.name
        self._last_us = -1
        self._last_key_us = -_FRAGMENT_US
        self._frames = 0
        self._out = _File(file, _VIDEO_MUXER)
        try:
            even = (first.width + first.width % 2, first.height + first.height % 2)
            self._encoder = codec.open(self._out.container, *even)
        except BaseException:
            self._out.discard()
            raise

    def fits(self, item: Picture) -> bool:
        """See `Segment`; a picture of another size, or from before the last one, does not."""
        at_us = item.pts_us - self._out.file.start_us
        return (
            (item.width, item.height) == self._size
            and at_us > self._last_us
            and at_us < self._limits.segment_us
            and self._out.file.size < self._limits.segment_bytes
            and not (0 < self._limits.chunk_frames <= self._frames)
        )

    def add(self, item: Picture) -> None:
        """See `Segment`."""
        at_us = max(0, item.pts_us - self._out.file.start_us)
        is_key = at_us - self._last_key_us >= _FRAGMENT_US
        if is_key:
            self._last_key_us = at_us
        self._out.write(self._encoder.encode(planes_of(item), at_us, is_key=is_key))
        self._last_us = at_us
        self._frames += 1

    def close(self) -> None:
        """See `Segment`."""
        if self._frames:
            self._out.close(self._rest(), self._facts)
        else:
            self._out.discard()

    def _rest(self) -> Iterable[AnyPacket]:
        yield from self._encoder.flush()

    def _facts(self) -> dict[str, Any]:
        start_us, (width, height) = self._out.file.start_us, self._size
        facts = {"start_us": start_us, "end_us": start_us + self._last_us, "num_frames": self._frames}
        return facts | {"width": width, "height": height, "kind": "video", "codec": self._codec_name}


class AudioSegment:
    """Sound of one microphone."""

    def __init__(self, file: SegmentFile, first: AudioChunk, bitrate: int, limits: Limits) -> None:
        self._limits = limits
        self._out = _File(file, _AUDIO_MUXER)
        try:
            self._opus = OpusEncoder(self._out.container, first.channels, bitrate)
        except BaseException:
            self._out.discard()
            raise

    def fits(self, item: AudioChunk) -> bool:
        """See `Segment`; sound from before what was heard last does not."""
        at_us = item.pts_us - self._out.file.start_us
        return (
            self._opus.takes(item, at_us)
            and at_us < self._limits.segment_us
            and self._out.file.size < self._limits.segment_bytes
        )

    def add(self, item: AudioChunk) -> None:
        """See `Segment`."""
        self._out.write(self._opus.encode(item, max(0, item.pts_us - self._out.file.start_us)))

    def close(self) -> None:
        """See `Segment`."""
        self._out.close(self._opus.flush(), self._facts)

    def _facts(self) -> dict[str, Any]:
        start_us = self._out.file.start_us
        facts = {"start_us": start_us, "end_us": start_us + self._opus.end_us, "num_samples": self._opus.samples}
        return facts | {
            "sample_rate": self._opus.rate_hz,
            "channels": self._opus.channels,
            "kind": "audio",
            "codec": "opus",
        }
