"""A participant in a process of its own, to be killed."""

import asyncio
import json
import sys

__all__ = ("KillableClient",)

_SCRIPT = r"""
import asyncio, json, sys
from livekit import rtc
async def main():
    admission = json.loads(sys.argv[1])
    room = rtc.Room()
    await room.connect(admission["url"], admission["token"])
    source = rtc.AudioSource(48_000, 1)
    if sys.argv[2] == "with sound":
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await room.local_participant.publish_track(track, options)
    print("joined", flush=True)
    while True:
        await source.capture_frame(rtc.AudioFrame(b"\0 " * 480, 48_000, 1, 480))
asyncio.run(main())
"""


class KillableClient:
    """Joined with the plain LiveKit SDK."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def join(cls, admission: dict[str, str], *, with_sound: bool) -> "KillableClient":
        """Start it; when this returns it has joined, and its microphone is on ``with_sound``."""
        how = "with sound" if with_sound else "in silence"
        command = [sys.executable, "-c", _SCRIPT, json.dumps(admission), how]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"joined\n"
        return cls(process)

    async def kill(self) -> None:
        """End it without last words."""
        self._process.kill()
        await self._process.wait()
