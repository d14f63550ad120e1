"""Recording of real LiveKit participants: by a hub that stops as it should, and by one that is killed."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
import pytest
from kit.hub import get_json, health_until

from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

LIMIT_S = 60.0
# Pictures that a killed hub may lose: a second of 15 per second, what waits for the encoder, and some to spare.
UNDER_WAY = 30


def files_of(hub: Any, who: str, kind: str) -> list[Path]:
    found = sorted((hub.folder / "recordings" / who).glob("*/*.mp4"))
    return [path for path in found if _kind(path) == kind]


def _kind(path: Path) -> str:
    try:
        with av.open(str(path)) as container:
            return str(container.streams[0].type)
    except av.error.FFmpegError:  # nothing has been written yet
        return ""


def decoded(path: Path) -> list[Any]:
    frames: list[Any] = []
    # The fragment under way when the hub was killed ends with an error.
    with av.open(str(path)) as container, suppress(av.error.FFmpegError):
        frames.extend(container.decode(container.streams[0]))
    return frames


def now_us() -> int:
    return time.time_ns() // 1000


def _pictures_are(path: Path, luma: int, since_us: int) -> None:
    frames = decoded(path)
    assert len(frames) > 10
    times = [int(path.stem) + frame.pts for frame in frames]
    assert times == sorted(set(times))
    assert since_us <= times[0] <= times[-1] <= now_us()
    # The codec settles first, and a track that ends may do so with a black picture.
    seen = [frame.to_ndarray()[: frame.height].mean() for frame in frames[3:-1]]
    assert seen == pytest.approx([luma] * len(seen), abs=10)


async def test_what_a_participant_shows_and_says_is_recorded(
    make_hub: Callable[..., Any], join: Callable[..., Any]
) -> None:
    hub = make_hub(video_recording={"enabled": True, "out_dir": "recordings"})
    await asyncio.to_thread(lambda: hub.start().wait_ready())
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "unused"})
    assert admission["recording"] is True
    began_us = now_us()

    async def published(name: str, luma: int) -> Any:
        client = await join(hub, name)
        await client.publish_colour(luma=luma)
        await client.publish_tone(hz=1000, level=0.5)
        return client

    leaver = await published("leaver", 180)
    await health_until(hub, lambda facts: _shown(facts, "leaver") > 25, LIMIT_S)
    await eventually(lambda: files_of(hub, "leaver", "video") and files_of(hub, "leaver", "audio"), within_s=LIMIT_S)
    await leaver.leave()
    facts = await health_until(hub, lambda facts: facts["recording"]["tracks"] == 0)
    assert facts["recording"]["state"] == "recording"

    (video,), (audio,) = files_of(hub, "leaver", "video"), files_of(hub, "leaver", "audio")
    _pictures_are(video, 180, began_us)
    sidecar = json.loads(video.with_suffix(".json").read_text())
    assert sidecar["num_frames"] == len(decoded(video))
    assert (sidecar["width"], sidecar["height"]) == (320, 240)
    heard = np.concatenate([frame.to_ndarray()[0] for frame in decoded(audio)])
    assert np.abs(heard[len(heard) // 2 :]).max() == pytest.approx(0.5, abs=0.15)
    spectrum = np.abs(np.fft.rfft(heard[-24_000:]))
    assert int(np.argmax(spectrum)) * 2 == pytest.approx(1000, abs=10)
    await _is_shown(hub)
    await _survives_a_kill(hub, published)


async def test_a_hub_that_is_stopped_completes_what_it_records(
    make_hub: Callable[..., Any], join: Callable[..., Any]
) -> None:
    """Whole files with their sidecars, though everybody was talking, and though whoever stops it asks twice."""
    hub = make_hub(video_recording={"enabled": True, "out_dir": "recordings"})
    await asyncio.to_thread(lambda: hub.start().wait_ready())
    names = ("ann", "ben")
    for name in names:
        client = await join(hub, name)
        await client.publish_colour(luma=180)
        await client.publish_tone(hz=1000, level=0.5)
    for name in names:
        await health_until(hub, lambda facts, name=name: _shown(facts, name) > 40 and _heard(facts, name) > 40, LIMIT_S)
    os.kill(hub.pid, signal.SIGTERM)
    os.kill(hub.pid, signal.SIGINT)
    assert await asyncio.to_thread(hub.wait_exit) == 0

    assert "recording ends: 4 files" in hub.output
    for name in names:
        for path in sorted((hub.folder / "recordings" / name).glob("*/*.mp4")):
            sidecar = json.loads(path.with_suffix(".json").read_text())
            frames = decoded(path)
            assert "is_cut_off" not in sidecar
            assert sidecar["size_bytes"] == path.stat().st_size
            if sidecar["kind"] == "video":
                assert sidecar["num_frames"] == len(frames) > 35
                assert sidecar["end_us"] == int(path.stem) + frames[-1].pts
            else:
                heard_us = sum(frame.samples for frame in frames) * 1_000_000 // 48_000
                assert sidecar["end_us"] - sidecar["start_us"] == pytest.approx(heard_us, abs=40_000)


async def _is_shown(hub: Any) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{hub.url}/status") as reply:
            page = await reply.text()
        async with session.get(f"{hub.url}/metrics") as reply:
            metrics = await reply.text()
    assert "<td>encoder<td>libx264" in page
    assert "<td>files<td>2, " in page
    assert "xr_hub_recording_up 1.0" in metrics
    assert "recording everybody to" in hub.output


def _shown(facts: Any, who: str) -> int:
    return _received(facts, who, "video")


def _heard(facts: Any, who: str) -> int:
    """Of sound, in chunks of 10 ms."""
    return _received(facts, who, "audio")


def _received(facts: Any, who: str, kind: str) -> int:
    tracks = facts["participants"].get(who, {"tracks": {}})["tracks"].values()
    return sum(int(track["received"]) for track in tracks if track["kind"] == kind)


async def _survives_a_kill(hub: Any, published: Callable[..., Any]) -> None:
    began_us = now_us()
    victim = await published("victim", 90)
    facts = await health_until(
        hub, lambda facts: _shown(facts, "victim") > 50 and _heard(facts, "victim") > 300, LIMIT_S
    )
    await eventually(lambda: files_of(hub, "victim", "video") and files_of(hub, "victim", "audio"), within_s=LIMIT_S)
    os.kill(hub.pid, signal.SIGKILL)
    await asyncio.to_thread(hub.wait_exit)
    killed_us = now_us()

    (video,), (audio,) = files_of(hub, "victim", "video"), files_of(hub, "victim", "audio")
    assert not video.with_suffix(".json").exists()
    _pictures_are(video, 90, began_us)
    assert len(decoded(video)) >= _shown(facts, "victim") - UNDER_WAY, "more than the last second was lost"
    assert sum(frame.samples for frame in decoded(audio)) > 48_000
    await victim.leave()

    await asyncio.to_thread(lambda: hub.start().wait_ready())
    for path in (video, audio):
        sidecar = json.loads(path.with_suffix(".json").read_text())
        assert sidecar["is_cut_off"]
        assert sidecar["start_us"] < sidecar["end_us"] <= killed_us
    facts = await health_until(hub, lambda facts: facts["status"] == "ok")
    assert facts["recording"]["segments"] == 4
    assert await asyncio.to_thread(hub.stop) == 0
