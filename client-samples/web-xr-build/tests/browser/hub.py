"""Plays the hub's part in one room: sends what it is told on stdin, reports on stdout what it received.

Commands and events are one JSON object per line. Commands: ``{"do": "data", "topic": str, "base64": str}`` and
``{"do": "tone", "seconds": float}``; the end of stdin means leave. Events: ``joined``, ``participant``, ``left``,
``data`` (topic and base64), ``track`` (kind) and ``audio`` (peak of the participant's microphone in the last second).
"""

import argparse
import asyncio
import base64
import json
import math
import sys
from array import array
from collections.abc import Coroutine
from typing import Any

from livekit import api, rtc

HUB_IDENTITY = "xr-hub-connector"
SAMPLE_RATE_HZ = 48_000
FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
COMMAND_BYTES_MOST = 32 * 2**20
PACKET_BYTES = 60_000  # larger messages are streams
TONE_HZ = 440
TONE_PEAK = 9000


def _say(event: str, **fields: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


class _Hub:
    def __init__(self, participant: str) -> None:
        self._participant = participant
        self._room = rtc.Room()
        self._voice = rtc.AudioSource(SAMPLE_RATE_HZ, 1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, url: str, room: str, key: str, secret: str) -> None:
        grants = api.VideoGrants(room_join=True, room=room)
        token = api.AccessToken(key, secret).with_identity(HUB_IDENTITY).with_grants(grants).to_jwt()
        self._room.on("data_received", self._on_data)
        self._room.register_byte_stream_handler("", self._on_stream)
        self._room.on("track_subscribed", self._on_track)
        self._room.on("participant_connected", lambda who: _say("participant", identity=who.identity))
        self._room.on("participant_disconnected", lambda who: _say("left", identity=who.identity))
        await self._room.connect(url, token)
        track = rtc.LocalAudioTrack.create_audio_track(f"xr-hub-return-{self._participant}", self._voice)
        await self._room.local_participant.publish_track(track)
        _say("joined")

    async def obey(self, command: dict[str, Any]) -> None:
        if command["do"] == "data":
            local, data = self._room.local_participant, base64.b64decode(command["base64"])
            to: dict[str, Any] = {"topic": command["topic"], "destination_identities": [self._participant]}
            if len(data) <= PACKET_BYTES:
                await local.publish_data(data, reliable=True, **to)
            else:
                await local.send_bytes(data, compress=False, **to)
        elif command["do"] == "tone":
            await self._tone(float(command["seconds"]))

    async def leave(self) -> None:
        await self._room.disconnect()

    async def _tone(self, seconds: float) -> None:
        for start in range(0, int(seconds * SAMPLE_RATE_HZ), FRAME_SAMPLES):
            turns = (2 * math.pi * TONE_HZ * i / SAMPLE_RATE_HZ for i in range(start, start + FRAME_SAMPLES))
            samples = array("h", (int(TONE_PEAK * math.sin(turn)) for turn in turns))
            await self._voice.capture_frame(rtc.AudioFrame(samples.tobytes(), SAMPLE_RATE_HZ, 1, FRAME_SAMPLES))

    def _on_data(self, packet: rtc.DataPacket) -> None:
        sender = packet.participant.identity if packet.participant else ""
        _say("data", topic=packet.topic or "", base64=base64.b64encode(packet.data).decode(), sender=sender)

    def _on_stream(self, reader: rtc.ByteStreamReader, sender: str) -> None:
        self._spawn(self._receive(reader, sender))

    async def _receive(self, reader: rtc.ByteStreamReader, sender: str) -> None:
        data = b"".join([chunk async for chunk in reader])
        _say("data", topic=reader.info.topic, base64=base64.b64encode(data).decode(), sender=sender)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_track(self, track: rtc.Track, *_: Any) -> None:
        audio = track.kind == rtc.TrackKind.KIND_AUDIO
        _say("track", kind="audio" if audio else "video")
        if audio:
            self._spawn(self._listen(track))

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=16_000, num_channels=1)
        peak = frames = 0
        async for event in stream:
            peak = max(peak, max(map(abs, array("h", event.frame.data.tobytes())), default=0))
            frames += 1
            if frames % 100 == 0:
                _say("audio", peak=peak / 32768)
                peak = 0


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("url", "room", "key", "secret", "participant"):
        parser.add_argument(f"--{option}", required=True)
    options = parser.parse_args()
    hub = _Hub(options.participant)
    await hub.join(options.url, options.room, options.key, options.secret)
    reader = asyncio.StreamReader(COMMAND_BYTES_MOST)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    # The end of stdin is the end of the test, however it ended.
    while line := await reader.readline():
        await hub.obey(json.loads(line))
    await hub.leave()


asyncio.run(_main())
