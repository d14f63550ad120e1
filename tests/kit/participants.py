"""Participants with the plain LiveKit SDK."""

import asyncio
import time
from typing import Any

import numpy as np
from livekit import rtc

__all__ = ("Client",)

_MIC_RATE_HZ = 48_000
_STREAM_TOPICS = ("", "scene", "agent.response", "clientControl")


class Client:
    """A participant with the plain LiveKit SDK: no filters, no manners."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.data: list[tuple[str, bytes, str | None]] = []
        self.senders: set[str] = set()
        self.peaks: list[tuple[float, int]] = []
        self.video_frames = 0
        self.sizes: dict[str, tuple[int, int]] = {}
        self.disconnected: list[object] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._is_leaving = False
        self.room.on("data_received", self._on_data)
        for topic in _STREAM_TOPICS:
            self.room.register_byte_stream_handler(topic, self._on_stream)
        self.room.on("track_subscribed", self._on_track)
        self.room.on("disconnected", lambda reason: self.disconnected.append(reason))

    async def join(self, url: str, token: str) -> "Client":
        await self.room.connect(url, token)
        return self

    @property
    def others(self) -> set[str]:
        return set(self.room.remote_participants)

    def loud_since(self, since_s: float, threshold: int = 1000) -> list[float]:
        """The times (monotonic, seconds) of loud frames; ``threshold`` in units of a 16-bit sample."""
        return [at for at, peak in self.peaks if at >= since_s and peak > threshold]

    async def send(self, data: bytes, topic: str = "", **options: Any) -> None:
        await self.room.local_participant.publish_data(data, topic=topic, **options)

    async def publish_tone(self, hz: float = 440.0, level: float = 0.4) -> str:
        source = rtc.AudioSource(_MIC_RATE_HZ, 1)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        publication = await self.room.local_participant.publish_track(track, options)
        self._spawn(self._feed_tone(source, hz, level))
        return publication.sid

    async def publish_colour(self, luma: int, width: int = 320, height: int = 240, *, simulcast: bool = False) -> str:
        """Show a plain picture; `resize` changes its size while it runs."""
        source = rtc.VideoSource(width, height)
        track = rtc.LocalVideoTrack.create_video_track("camera", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=simulcast)
        publication = await self.room.local_participant.publish_track(track, options)
        self.sizes[publication.sid] = (width, height)
        self._spawn(self._feed_colour(source, luma, publication.sid))
        return publication.sid

    async def leave(self) -> None:
        self._is_leaving = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.room.disconnect()

    def _spawn(self, coroutine: Any) -> None:
        if self._is_leaving:  # a track that comes during the farewell is gone before it can be heard
            coroutine.close()
        else:
            self._tasks.append(asyncio.create_task(coroutine))

    def _on_data(self, packet: rtc.DataPacket) -> None:
        sender = packet.participant.identity if packet.participant else None
        self.data.append((packet.topic or "", packet.data, sender))

    def _on_stream(self, reader: rtc.ByteStreamReader, sender: str) -> None:
        self._spawn(self._read_stream(reader, sender))

    async def _read_stream(self, reader: rtc.ByteStreamReader, sender: str) -> None:
        data = b"".join([chunk async for chunk in reader])
        self.data.append((reader.info.topic, data, sender))

    def _on_track(self, track: rtc.Track, _publication: object, participant: rtc.RemoteParticipant) -> None:
        self.senders.add(participant.identity)
        self._spawn(self._hear(track) if track.kind == rtc.TrackKind.KIND_AUDIO else self._see(track))

    async def _hear(self, track: rtc.Track) -> None:
        async for event in rtc.AudioStream(track):
            samples = np.frombuffer(event.frame.data, dtype=np.int16)
            self.peaks.append((time.monotonic(), int(np.abs(samples.astype(int)).max())))

    async def _see(self, track: rtc.Track) -> None:
        async for _ in rtc.VideoStream(track):
            self.video_frames += 1

    async def _feed_tone(self, source: rtc.AudioSource, hz: float, level: float) -> None:
        wave = level * 32_767 * np.sin(2 * np.pi * hz * np.arange(_MIC_RATE_HZ) / _MIC_RATE_HZ)
        pcm = wave.astype(np.int16)
        while True:
            for start in range(0, _MIC_RATE_HZ, 480):
                part = pcm[start : start + 480].tobytes()
                await source.capture_frame(rtc.AudioFrame(part, _MIC_RATE_HZ, 1, 480))

    async def _feed_colour(self, source: rtc.VideoSource, luma: int, track_id: str) -> None:
        while True:
            width, height = self.sizes[track_id]
            pixels = bytes([luma]) * (width * height) + bytes([128]) * (width * height // 2)
            source.capture_frame(rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, pixels))
            await asyncio.sleep(1 / 15)
