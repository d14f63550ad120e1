"""A participant's tracks into the hub: one task and one stream per track, both gone the moment the track is."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from livekit import rtc

from xr_ai_agent import AgentSdkError, AudioChunk, Connector, PixelFormat
from xr_media_hub._stats import ParticipantStats, TrackStats
from xr_media_hub._throttle import Throttled
from xr_media_hub._who import Who
from xr_media_hub.transport.livekit._media_streams import MediaEvents, PictureStream, SoundStream

logger = logging.getLogger(__name__)

_CLOSE_LIMIT_S = 2.0
_INT16_FULL_SCALE = 32_768.0


def now_us() -> int:
    """Wall-clock microseconds, the time base of every message."""
    return time.time_ns() // 1000


class _Reader(NamedTuple):
    track: rtc.Track
    task: "asyncio.Task[None]"
    stream: SoundStream | PictureStream


class TrackReaders:
    """Reads every subscribed track of one participant.

    A stream that outlives its track would carry the next publisher's media (the transport reuses it), so `stop`
    closes the stream first and asks questions later.
    """

    def __init__(self, who: Who, connector: Connector, events: MediaEvents, stats: ParticipantStats) -> None:
        self._participant_id = who.participant_id
        self._who = who
        self._connector = connector
        self._events = events
        self._stats = stats
        self._frame_lost = Throttled(logger)
        self._readers: dict[str, _Reader] = {}

    def reads(self, track: rtc.Track) -> bool:
        """Whether this very track is being read, and not an older one of the same id."""
        reader = self._readers.get(track.sid)
        return reader is not None and reader.track is track

    async def start(self, track: rtc.Track) -> None:
        """Read ``track`` until `stop`; a track id that is read already is replaced."""
        track_id = track.sid
        await self.stop(track_id)
        is_audio = track.kind == rtc.TrackKind.KIND_AUDIO
        counts = self._stats.tracks[track_id] = TrackStats("audio" if is_audio else "video")
        stream: SoundStream | PictureStream
        if is_audio:
            stream = SoundStream(track, self._events)
            reading = self._read_audio(track_id, counts, stream)
        else:
            stream = PictureStream(track, self._events)
            reading = self._read_video(track_id, counts, stream)
        task = asyncio.create_task(reading, name=f"track {track_id}")
        task.add_done_callback(self._report)
        self._readers[track_id] = _Reader(track, task, stream)

    async def stop(self, track_id: str) -> None:
        """Stop reading a track and free what the hub holds for it."""
        reader = self._readers.pop(track_id, None)
        if reader is None:
            return
        self._stats.tracks.pop(track_id, None)
        reader.task.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(reader.stream.aclose(), _CLOSE_LIMIT_S)
        await asyncio.wait({reader.task})
        if isinstance(reader.stream, PictureStream):
            await self._connector.end_track(self._participant_id, track_id)

    async def stop_all(self) -> None:
        """Stop reading everything."""
        for track_id in list(self._readers):
            await self.stop(track_id)

    async def _read_audio(self, track_id: str, counts: TrackStats, stream: SoundStream) -> None:
        async for event in stream:
            frame = event.frame
            samples = np.frombuffer(frame.data, dtype=np.int16).astype("<f4")
            samples /= _INT16_FULL_SCALE
            chunk = AudioChunk(
                pts_us=now_us(),
                sample_rate=frame.sample_rate,
                channels=frame.num_channels,
                samples=frame.samples_per_channel,
                data=samples.tobytes(),
                participant_id=self._participant_id,
                track_id=track_id,
            )
            await self._connector.push_audio(chunk)
            self._stats.audio_chunks += 1
            counts.received += 1

    async def _read_video(self, track_id: str, counts: TrackStats, stream: PictureStream) -> None:
        async for picture in stream.pictures():
            size = picture.width, picture.height
            try:
                await self._connector.push_frame(
                    self._participant_id, track_id, PixelFormat.I420, *size, now_us(), picture.pixels
                )
            except AgentSdkError as error:
                self._stats.dropped_in += 1
                self._frame_lost.log("a frame of %s was dropped: %s", self._who, self._who.conceal(error))
            else:
                self._stats.video_frames += 1
                counts.received += 1
                counts.width, counts.height = size

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            logger.error("reading %s failed", task.get_name(), exc_info=task.exception())
