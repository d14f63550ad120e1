"""A participant in a process of its own, which ends without last words."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ("killable_client",)

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


@asynccontextmanager
async def killable_client(admission: dict[str, str], *, with_sound: bool) -> AsyncIterator[None]:
    """Join with the plain LiveKit SDK, with the microphone on ``with_sound``; killed when the block ends."""
    how = "with sound" if with_sound else "in silence"
    command = [sys.executable, "-c", _SCRIPT, json.dumps(admission), how]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"joined\n"
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
