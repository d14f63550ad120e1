"""Observes a hub and records it: one writer per track, nothing on the hub's loop but a copy of each picture."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from xr_ai_agent import AudioChunk, HubEndpoint, ParticipantEvent, SlotView
from xr_ai_program import StartupError
from xr_media_hub._who import Who
from xr_media_hub.config import VideoRecording
from xr_media_hub.recording._archive import Archive
from xr_media_hub.recording._codecs import CodecChoice, choose_codec
from xr_media_hub.recording._folder_lock import FolderTakenError
from xr_media_hub.recording._pacing import Pacing
from xr_media_hub.recording._pictures import Picture
from xr_media_hub.recording._segment import AudioSegment, Limits, Segment, VideoSegment
from xr_media_hub.recording._track import TrackWriter
from xr_media_hub.recording._units import MICROSECONDS

__all__ = ("Recorder",)

logger = logging.getLogger(__name__)

# A quarter of a second of a camera, which is what a busy encoder may fall behind before pictures are dropped.
_PICTURES_MOST = 8
# Ten seconds of sound: it is small, and worth more than pictures.
_CHUNKS_MOST = 1_000
# A client that toggles its camera has as many tracks as it likes; each writer is a thread.
_WRITERS_MOST = 256
_STOP_LIMIT_S = 5.0

AnyWriter: TypeAlias = TrackWriter[Picture] | TrackWriter[AudioChunk]
_Key: TypeAlias = tuple[str, str, str]
"""(participant, track, kind)."""


class Recorder:
    """Records everybody; create it before the hub runs, `stop` it before the hub is closed."""

    def __init__(
        self, settings: VideoRecording, codec: CodecChoice, hub: HubEndpoint, who: Callable[[str], Who]
    ) -> None:
        """``who`` tells how the log names a participant.

        Raises:
            StartupError: the encoder or the folder cannot be used.
        """
        self._who = who
        self._codec = choose_codec(codec, bitrate=settings.bitrate, fps=settings.sample_fps, gpu_id=settings.gpu_id)
        self._archive = _archive(settings)
        self._settings = settings
        self._limits = Limits(round(settings.segment_s * MICROSECONDS), settings.segment_bytes, settings.chunk_frames)
        self._writers: dict[_Key, AnyWriter] = {}
        self._pacing: dict[_Key, Pacing] = {}
        self._ending: set[AnyWriter] = set()
        self._gone = {"written": 0, "dropped": 0}
        self._is_stopped = False
        hub.on_participant(self._participant)
        hub.on_frame(self._frame)
        if settings.audio:
            hub.on_audio(self._audio)
        logger.warning("recording everybody to %s", settings.out_dir)

    def facts(self) -> dict[str, Any]:
        """Return what /health tells of the recorder; nobody's name is in it."""
        self._collect_ended()
        writers = [*self._writers.values(), *self._ending]
        return {
            "state": self._state(writers),
            "codec": self._codec.name,
            "tracks": len(writers),
            "segments": self._archive.segment_count,
            "bytes": self._archive.size_bytes,
            "max_bytes": self._settings.max_total_bytes,
            "written": self._gone["written"] + sum(each.written for each in writers),
            "dropped": self._gone["dropped"] + sum(each.dropped for each in writers),
            "deleted": self._archive.deleted,
        }

    async def stop(self) -> None:
        """Complete every file, and leave the folder to other hubs."""
        self._is_stopped = True
        writers = [*self._writers.values(), *self._ending]
        for writer in writers:
            writer.end()
        stuck = await asyncio.to_thread(_still_busy, writers, time.monotonic() + _STOP_LIMIT_S)
        if stuck:
            logger.error("%d recordings were not completed within %.0f s", stuck, _STOP_LIMIT_S)
        else:
            logger.info("recording ends: %d files, %d bytes", self._archive.segment_count, self._archive.size_bytes)
        self._archive.close()

    def _state(self, writers: list[AnyWriter]) -> str:
        if self._archive.is_full:
            return "stopped: full"
        failures = sorted({each.failure for each in writers if each.failure})
        return f"failing: {failures[0]}" if failures else "recording"

    # --- what the hub tells; called on its loop ---

    def _participant(self, event: ParticipantEvent) -> None:
        if event.joined:
            return
        for key in [key for key in self._pacing if key[0] == event.participant_id]:
            del self._pacing[key]
        for key in [key for key in self._writers if key[0] == event.participant_id]:
            self._end(key)

    def _frame(self, view: SlotView) -> None:
        signal = view.signal
        key = (signal.participant_id, signal.track_id, "video")
        pacing = self._pacing.get(key)
        if pacing is None:
            pacing = self._pacing[key] = Pacing(self._settings.sample_fps)
        if self._is_stopped or not pacing.wants(signal.pts_us):
            return
        writer = self._writers.get(key)
        if writer is not None and writer.is_full:
            writer.dropped += 1
            return
        picture = Picture(signal.pts_us, signal.fmt, signal.width, signal.height, bytes(view.data))
        self._offer(key, picture, self._picture_writer)

    def _audio(self, chunk: AudioChunk) -> None:
        if not self._is_stopped:
            self._offer((chunk.participant_id, chunk.track_id, "audio"), chunk, self._sound_writer)

    def _offer(self, key: _Key, item: Any, make: Callable[[_Key], Any]) -> None:
        writer: Any = self._writers.get(key)
        if writer is not None and writer.offer(item):
            return
        if writer is not None:
            self._end(key)
        if len(self._writers) + len(self._ending) >= _WRITERS_MOST:
            self._collect_ended()
        if len(self._writers) + len(self._ending) >= _WRITERS_MOST:
            self._gone["dropped"] += 1
            return
        writer = self._writers[key] = make(key)
        writer.offer(item)

    def _picture_writer(self, key: _Key) -> TrackWriter[Picture]:
        def start(first: Picture) -> Segment[Picture]:
            return VideoSegment(self._archive.open(key[0], key[1], first.pts_us), first, self._codec, self._limits)

        return TrackWriter("video", self._who(key[0]), self._archive, start, _PICTURES_MOST)

    def _sound_writer(self, key: _Key) -> TrackWriter[AudioChunk]:
        def start(first: AudioChunk) -> Segment[AudioChunk]:
            file = self._archive.open(key[0], key[1], first.pts_us)
            return AudioSegment(file, first, self._settings.audio_bitrate, self._limits)

        return TrackWriter("audio", self._who(key[0]), self._archive, start, _CHUNKS_MOST)

    def _end(self, key: _Key) -> None:
        writer = self._writers.pop(key)
        self._pacing.pop(key, None)
        writer.end()
        self._ending.add(writer)

    def _collect_ended(self) -> None:
        for key in [key for key, writer in self._writers.items() if not writer.is_alive]:
            self._end(key)
        for writer in [each for each in self._ending if not each.is_alive]:
            self._ending.discard(writer)
            self._gone["written"] += writer.written
            self._gone["dropped"] += writer.dropped


def _still_busy(writers: Iterable[AnyWriter], deadline_s: float) -> int:
    """Wait for all writers until one moment, however many they are; return how many have not ended by then."""
    return sum(not each.join(max(0.0, deadline_s - time.monotonic())) for each in writers)


def _archive(settings: VideoRecording) -> Archive:
    try:
        return Archive(settings.out_dir, settings.max_total_bytes, settings.headroom_bytes, settings.when_full)
    except FolderTakenError as error:
        raise StartupError(
            f"recordings cannot be kept in {settings.out_dir}: {error}; stop that one, or give this hub an out_dir of "
            f"its own under video_recording"
        ) from error
    except OSError as error:
        raise StartupError(
            f"recordings cannot be kept in {settings.out_dir}: {error.strerror or error}; make it writable, or set "
            f"another out_dir"
        ) from error
