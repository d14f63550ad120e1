"""The recorder on a hub of this process: what was pushed is decoded again and compared, picture by picture."""

import asyncio
import dataclasses
import gc
import json
import os
import resource
import shutil
import sys
import threading
import time
import types
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from xr_ai_agent import AudioChunk, Connector, HubEndpoint, PixelFormat
from xr_ai_program import StartupError
from xr_media_hub import _hub
from xr_media_hub._stats import HubStats
from xr_media_hub.config import HubConfig, VideoRecording
from xr_media_hub.recording import Archive, Recorder
from xr_media_hub.recording._codecs import SoftwareCodec, choose_codec
from xr_media_hub.recording._names import folder_name
from xr_media_hub.recording._nvenc import MODULE, NvencCodec
from xr_media_hub.recording._pacing import Pacing
from xr_media_hub.recording._pictures import Picture
from xr_media_hub.recording._segment import AudioSegment, Limits, VideoSegment
from xr_media_hub.recording._track import TrackWriter

pytestmark = pytest.mark.anyio

START_US = 1_800_000_000_000_000
FRAME_US = 33_333
LIMIT_S = 30.0


@dataclass
class Studio:
    """A hub that records into a folder, and the transport of the people who are recorded."""

    folder: Path
    recorder: Recorder
    connector: Connector

    async def show(
        self, luma: int, at_us: int, *, who: str = "alice", track: str = "TR_cam", size: tuple[int, int] = (64, 48)
    ) -> None:
        width, height = size
        await self.connector.push_frame(who, track, PixelFormat.I420, width, height, at_us, i420(luma, width, height))

    async def say(self, data: Any, at_us: int, rate_hz: int = 48_000, channels: int = 1, who: str = "alice") -> None:
        samples = len(data) // channels
        await self.connector.push_audio(
            AudioChunk(at_us, rate_hz, channels, samples, data.astype("<f4").tobytes(), who, "TR_mic")
        )

    async def written(self, count: int) -> None:
        await self.until(lambda facts: facts["written"] == count)

    async def until(self, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        deadline = time.monotonic() + LIMIT_S
        while not condition(facts := self.recorder.facts()):
            assert time.monotonic() < deadline, facts
            await asyncio.sleep(0.001)
        return facts

    async def finish(self) -> list["Recorded"]:
        await self.recorder.stop()
        return recordings(self.folder)


@dataclass
class Recorded:
    """One file as a reader finds it."""

    path: Path
    facts: dict[str, Any]

    @property
    def start_us(self) -> int:
        return int(self.path.stem)

    def pictures(self) -> list[tuple[int, np.ndarray]]:
        """(microseconds since the epoch, RGB pixels) of every frame."""
        with av.open(str(self.path)) as container:
            stream = container.streams.video[0]
            assert str(stream.time_base) == "1/1000000"
            return [(self.start_us + frame.pts, frame.to_ndarray(format="rgb24")) for frame in container.decode(stream)]

    def times_us(self) -> list[int]:
        return [at_us for at_us, _ in self.pictures()]

    def loud_at_us(self) -> list[int]:
        """Where sound begins after silence, in microseconds since the epoch."""
        starts, before = [], -10_000
        with av.open(str(self.path)) as container:
            for frame in container.decode(container.streams.audio[0]):
                assert frame.pts is not None
                loud = np.flatnonzero(np.abs(frame.to_ndarray()).max(axis=0) > 0.1) + frame.pts
                for position in loud:
                    if position - before > 4_800:
                        starts.append(self.start_us + int(position) * 1_000_000 // 48_000)
                    before = int(position)
        return starts


def recordings(folder: Path) -> list[Recorded]:
    paths = sorted(folder.glob("*/*/*.mp4"), key=lambda path: (int(path.stem), str(path)))
    return [Recorded(path, json.loads(path.with_suffix(".json").read_text())) for path in paths]


def i420(luma: int, width: int, height: int) -> memoryview:
    pixels = np.full(PixelFormat.I420.frame_bytes(width, height), 128, np.uint8)
    pixels[: width * height] = luma
    return memoryview(pixels)


def picture_at(at_us: int, luma: int = 90) -> Picture:
    return Picture(at_us, PixelFormat.I420, 64, 48, bytes(i420(luma, 64, 48)))


def playable_us(path: Path) -> list[int]:
    """The times of all pictures that a player shows of a file whose end may be missing."""
    times: list[int] = []
    with suppress(av.error.FFmpegError), av.open(str(path)) as container:
        times.extend(int(path.stem) + (frame.pts or 0) for frame in container.decode(video=0))
    return times


def noise(width: int, height: int, seed: int) -> memoryview:
    """What no encoder makes small."""
    size = PixelFormat.I420.frame_bytes(width, height)
    return memoryview(np.random.default_rng(seed).integers(0, 255, size, dtype=np.uint8))


def size_of(folder: Path) -> int:
    return sum(
        path.stat().st_size
        for path in folder.rglob("*.*")
        if path.is_file() and path.name not in (".identity", ".lock")
    )


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts hubs that record; the settings are those of the configuration."""
    running: list[tuple[HubEndpoint, asyncio.Task[None], Recorder]] = []

    async def start(codec: Any = "software", **settings: Any) -> Studio:
        number = len(running)
        folder = tmp_path / f"recordings-{number}"
        hub = HubEndpoint(f"ipc://{tmp_path}/in{number}", f"ipc://{tmp_path}/pub{number}")
        recorder = Recorder(VideoRecording(enabled=True, out_dir=folder, **settings), codec, hub, HubStats().who)
        running.append((hub, asyncio.create_task(hub.run()), recorder))
        connector = hub.connect_local("test")
        for who in ("alice", "bob"):
            await connector.notify_participant_joined(who, START_US)
        return Studio(folder, recorder, connector)

    yield start
    for hub, task, recorder in running:
        await recorder.stop()
        hub.stop()
        await task
        hub.close()


# --- pictures and their times ---


async def test_every_picture_keeps_its_own_time(studio: Any) -> None:
    """A camera is never regular; what a constant frame rate would make of these times is not what was seen."""
    scene = await studio()
    times = [START_US]
    for number in range(1, 40):
        times.append(times[-1] + FRAME_US + (number * 7_919) % 20_011 + (700_000 if number == 20 else 0))
    for number, at_us in enumerate(times):
        await scene.show(20 + number * 5, at_us)
        await scene.written(number + 1)
    (recorded,) = await scene.finish()

    pictures = recorded.pictures()
    assert [at_us for at_us, _ in pictures] == times
    for number, (_, rgb) in enumerate(pictures):
        assert rgb.mean() == pytest.approx((20 + number * 5 - 16) * 255 / 219, abs=4)
    assert recorded.facts["start_us"] == recorded.start_us == times[0]
    assert recorded.facts["end_us"] == times[-1]
    assert (recorded.facts["num_frames"], recorded.facts["width"], recorded.facts["height"]) == (40, 64, 48)
    assert recorded.facts["size_bytes"] == recorded.path.stat().st_size


async def test_another_size_begins_another_file(studio: Any) -> None:
    scene = await studio()
    sizes = [(64, 48)] * 3 + [(322, 180)] * 3 + [(33, 17)] * 3
    for number, size in enumerate(sizes):
        await scene.show(100, START_US + number * FRAME_US, size=size)
        await scene.written(number + 1)
    found = await scene.finish()

    assert [(each.facts["width"], each.facts["height"]) for each in found] == [(64, 48), (322, 180), (33, 17)]
    assert [time for each in found for time in each.times_us()] == [START_US + n * FRAME_US for n in range(9)]
    assert found[2].pictures()[0][1].shape == (18, 34, 3), "encoders need even sides"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"segment_s": 1.0}, 4), ({"chunk_frames": 30}, 4), ({"segment_bytes": 65_536, "bitrate": 4_000_000}, None)],
    ids=["by time", "by frames", "by size"],
)
async def test_files_are_ended_and_nothing_is_lost_between_them(
    studio: Any, settings: dict[str, Any], expected: int | None
) -> None:
    scene = await studio(**settings)
    times = [START_US + number * FRAME_US for number in range(110)]
    for number, at_us in enumerate(times):
        pixels = noise(64, 48, number)
        await scene.connector.push_frame("alice", "TR_cam", PixelFormat.I420, 64, 48, at_us, pixels)
        await scene.written(number + 1)
    found = await scene.finish()

    assert len(found) == expected if expected else len(found) > 1
    assert [at_us for each in found for at_us in each.times_us()] == times
    assert max(each.facts["size_bytes"] for each in found) < 2 * settings.get("segment_bytes", 2**20)


async def test_a_clock_that_was_set_back_harms_nothing(studio: Any) -> None:
    scene = await studio()
    times = [START_US, START_US + FRAME_US, START_US - 5_000_000, START_US - 5_000_000 + FRAME_US, START_US]
    for number, at_us in enumerate(times):
        await scene.show(100, at_us)
        await scene.written(number + 1)
    found = await scene.finish()

    assert sorted(at_us for each in found for at_us in each.times_us()) == sorted(times)


@pytest.mark.parametrize("size", [(64, 48), (65, 49), (426, 240)])
@pytest.mark.parametrize("fmt", list(PixelFormat))
async def test_every_format_keeps_its_colours(studio: Any, fmt: PixelFormat, size: tuple[int, int]) -> None:
    scene = await studio()
    width, height = size
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:, : width // 2], rgb[:, width // 2 :] = (200, 40, 40), (40, 40, 200)
    await scene.connector.push_frame("alice", "TR_cam", fmt, width, height, START_US, _pixels_of(rgb, fmt))
    await scene.written(1)
    (recorded,) = await scene.finish()

    ((_, picture),) = recorded.pictures()
    for column, colour in ((width // 4, (200, 40, 40)), (3 * width // 4, (40, 40, 200))):
        assert picture[height // 2, column].astype(int) == pytest.approx(colour, abs=16), fmt.name


def _pixels_of(rgb: np.ndarray, fmt: PixelFormat) -> memoryview:
    if fmt in (PixelFormat.RGB24, PixelFormat.RGBA, PixelFormat.BGRA):
        ordered = rgb if fmt is PixelFormat.RGB24 else np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
        return memoryview(np.ascontiguousarray(ordered[..., [2, 1, 0, 3]] if fmt is PixelFormat.BGRA else ordered))
    red, green, blue = (rgb[..., channel].astype(float) for channel in range(3))
    luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    cb = (128 - 0.148 * red - 0.291 * green + 0.439 * blue)[::2, ::2]
    cr = (128 + 0.439 * red - 0.368 * green - 0.071 * blue)[::2, ::2]
    chroma = np.dstack([cb, cr]).reshape(-1) if fmt is PixelFormat.NV12 else np.concatenate([cb.ravel(), cr.ravel()])
    return memoryview(np.concatenate([luma.ravel(), chroma]).round().astype(np.uint8))


@pytest.mark.parametrize("fps", [15.0, 30.0])
def test_the_jitter_of_a_camera_costs_no_picture(fps: float) -> None:
    """Taking whatever comes an interval after the last one loses every second picture of a real camera."""
    rng = np.random.default_rng(1)
    times = [START_US + int(n * 1_000_000 / 30 + rng.uniform(-6_000, 6_000)) for n in range(300)]
    pacing = Pacing(fps)
    taken = sum(pacing.wants(at_us) for at_us in times)

    assert taken == pytest.approx(10 * fps, abs=3)
    assert pacing.wants(START_US - 10_000_000), "a clock that was set back stopped the recording"


@pytest.mark.parametrize("name", ["libx264", "libvpx-vp9"])
def test_each_software_encoder_keeps_the_times(tmp_path: Path, name: str) -> None:
    archive = Archive(tmp_path, 0, 0, "stop")
    times = [START_US + number * 40_001 for number in range(30)]
    picture = Picture(times[0], PixelFormat.I420, 64, 48, bytes(i420(90, 64, 48)))
    codec = SoftwareCodec(name, bitrate=500_000, fps=30)
    segment = VideoSegment(archive.open("a", "b", times[0]), picture, codec, Limits(60_000_000, 2**20))
    for at_us in times:
        segment.add(Picture(at_us, PixelFormat.I420, 64, 48, picture.data))
    segment.close()

    (recorded,) = recordings(tmp_path)
    assert recorded.times_us() == times
    assert recorded.facts["codec"] == name


# --- sound ---


def beep(rate_hz: int, seconds: float = 0.1, channels: int = 1) -> np.ndarray:
    wave = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(int(rate_hz * seconds)) / rate_hz)
    return np.repeat(wave, channels)


@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 1), (16_000, 1), (44_100, 2), (48_000, 6)])
async def test_sound_is_where_it_was_heard_and_gaps_stay_gaps(studio: Any, rate_hz: int, channels: int) -> None:
    scene = await studio()
    silence = np.zeros(rate_hz // 10 * channels)
    chunks = {0: beep(rate_hz, channels=channels), 1: silence, 2: beep(rate_hz, channels=channels)}
    chunks |= {3: silence, 50: beep(rate_hz, channels=channels), 51: silence}  # tenths of a second; 4.6 s of nothing
    for tenth, data in chunks.items():
        await scene.say(data, START_US + tenth * 100_000, rate_hz, channels)
    await scene.written(len(chunks))
    (recorded,) = await scene.finish()

    heard = [(at_us - START_US) / 1e6 for at_us in recorded.loud_at_us()]
    assert heard == pytest.approx([0.0, 0.2, 5.0], abs=0.005)
    assert recorded.facts["end_us"] - START_US == pytest.approx(5_200_000, abs=21_000)  # whole frames
    assert recorded.facts["channels"] == (2 if channels == 2 else 1)


async def test_chunks_that_were_stamped_late_leave_no_holes(studio: Any) -> None:
    """A busy hub stamps ten chunks at the same moment; they were spoken one after the other."""
    scene = await studio()
    spoken = beep(48_000, 1.0)
    for number in range(100):
        await scene.say(spoken[number * 480 : (number + 1) * 480], START_US + number // 10 * 100_000 + 100_000)
    await scene.written(100)
    (recorded,) = await scene.finish()

    assert len(recorded.loud_at_us()) == 1
    assert recorded.facts["end_us"] - recorded.facts["start_us"] == pytest.approx(1_000_000, abs=1_000)


async def test_a_hub_that_stood_still_for_a_second_makes_no_hole_in_the_sound(studio: Any) -> None:
    """Then a hundred chunks come at once with late stamps, and after them all is as before."""
    scene = await studio()
    spoken = beep(48_000, 4.0)
    stamps = [number * 10_000 for number in range(100)] + [2_000_000 + number for number in range(100)]
    stamps += [2_010_000 + number * 10_000 for number in range(200)]
    for number, at_us in enumerate(stamps):
        await scene.say(spoken[number * 480 : (number + 1) * 480], START_US + at_us)
    await scene.written(400)
    (recorded,) = await scene.finish()

    assert recorded.loud_at_us() == [pytest.approx(START_US, abs=5_000)]
    assert recorded.facts["end_us"] - START_US == pytest.approx(4_000_000, abs=20_000)


# --- names ---


@pytest.mark.parametrize(
    "identifier",
    ["..", ".", "../../etc", "/etc/passwd", "a/b", "a\\b", "", "ü", "a b", "x" * 300, "\ud800", "a\0b", "~"],
)
def test_no_name_leaves_the_folder(tmp_path: Path, identifier: str) -> None:
    name = folder_name(identifier)

    assert (tmp_path / name).resolve().parent == tmp_path
    assert 0 < len(name.encode()) < 100
    (tmp_path / name).mkdir()


def test_different_ids_never_share_a_folder() -> None:
    ids = ["a/b", "a_b", "a\\b", "a b", "..", "__", "__~", "x" * 300, "x" * 301, folder_name("a/b"), folder_name("..")]

    assert len({folder_name(each) for each in ids}) == len(ids)


async def test_a_track_cannot_name_its_way_out(studio: Any, tmp_path: Path) -> None:
    scene = await studio()
    for track in ("../../../escaped", "..", "/tmp/escaped"):
        await scene.show(100, START_US, track=track)
    await scene.written(3)
    found = await scene.finish()

    assert len(found) == 3
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {"recordings-0", "in0", "pub0"}


async def test_recordings_are_for_their_owner_alone(studio: Any) -> None:
    scene = await studio()
    await scene.show(100, START_US)
    await scene.written(1)
    await scene.finish()

    modes = {path: path.stat().st_mode & 0o077 for path in [scene.folder, *scene.folder.rglob("*")]}
    assert not [path for path, mode in modes.items() if mode]
    assert (scene.folder / "alice" / ".identity").read_text() == "alice"


# --- the cap ---


async def _record_noise(scene: Studio, frames: int, who: str = "alice") -> None:
    written = scene.recorder.facts()["written"] + scene.recorder.facts()["dropped"]
    for number in range(frames):
        pixels = noise(64, 48, number)
        at_us = START_US + (written + number) * FRAME_US
        await scene.connector.push_frame(who, "TR_cam", PixelFormat.I420, 64, 48, at_us, pixels)
        goal = written + number + 1
        await scene.until(lambda facts, goal=goal: facts["written"] + facts["dropped"] >= goal)


async def test_the_oldest_recordings_make_room_for_the_newest(studio: Any) -> None:
    scene = await studio(segment_bytes=65_536, bitrate=200_000, max_total_bytes=600_000)
    for who in ("alice", "bob", "alice"):
        await _record_noise(scene, 150, who)
        assert size_of(scene.folder) <= 600_000
    facts = scene.recorder.facts()
    found = await scene.finish()

    assert facts["deleted"] > 0
    assert facts["dropped"] == 0
    assert facts["bytes"] <= 600_000
    kept = [at_us for each in found if each.path.parts[-3] == "alice" for at_us in each.times_us()]
    shown = [START_US + number * FRAME_US for number in (*range(150), *range(300, 450))]
    assert 0 < len(kept) < len(shown)
    assert kept == shown[-len(kept) :], "a hole among what was kept"


async def test_recording_stops_at_the_cap_when_nothing_may_be_deleted(
    studio: Any, caplog: pytest.LogCaptureFixture
) -> None:
    scene = await studio(segment_bytes=65_536, bitrate=200_000, max_total_bytes=600_000, when_full="stop")
    await _record_noise(scene, 450)
    facts = scene.recorder.facts()
    found = await scene.finish()

    assert facts["state"] == "stopped: full"
    assert facts["dropped"] > 0
    assert facts["deleted"] == 0
    assert size_of(scene.folder) <= 600_000
    assert found[0].start_us == START_US
    assert len([line for line in caplog.messages if "max_total_bytes allows" in line]) == 1


def test_earlier_runs_count_and_strangers_files_are_left_alone(tmp_path: Path) -> None:
    for number in range(6):
        track = tmp_path / "alice" / f"TR_{number}"
        track.mkdir(parents=True)
        (track / f"{START_US + number}.mp4").write_bytes(bytes(60_000))
        (track / f"{START_US + number}.json").write_text("{}")
    holiday = tmp_path / "alice" / "TR_0" / "holiday.mp4"
    holiday.write_bytes(bytes(90_000))
    archive = Archive(tmp_path, 200_000, 10_000, "delete_oldest")

    assert [path.stem for path in sorted(tmp_path.rglob("18*.mp4"))] == [str(START_US + n) for n in (3, 4, 5)]
    assert archive.size_bytes == 3 * 60_002
    assert archive.deleted == 3
    assert holiday.exists()
    assert not (tmp_path / "alice" / "TR_1").exists(), "an empty folder was left behind"


@pytest.mark.parametrize("what", [".", "alice"], ids=["the whole folder", "one participant's"])
async def test_what_is_deleted_by_hand_counts_no_longer(studio: Any, what: str) -> None:
    scene = await studio(segment_bytes=65_536, bitrate=200_000, max_total_bytes=600_000)
    await _record_noise(scene, 150)
    before = scene.recorder.facts()["segments"]
    shutil.rmtree(scene.folder / what)
    await _record_noise(scene, 300)
    facts = scene.recorder.facts()
    found = await scene.finish()

    assert facts["deleted"] > before, "the cap was not reached; record more"
    assert (facts["state"], facts["dropped"]) == ("recording", 0)
    assert scene.recorder.facts()["bytes"] == size_of(scene.folder)
    assert found[-1].times_us()


async def test_a_file_that_cannot_be_deleted_goes_on_counting(
    studio: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Unlinking fails on a disk that was mounted anew for reading, say; nothing else may fail with it."""
    unlink = Path.unlink

    def refuse_oldest(self: Path, missing_ok: bool = False) -> None:
        if self.name == f"{START_US}.mp4":
            raise PermissionError(1, "Operation not permitted", str(self))
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse_oldest)
    scene = await studio(segment_bytes=65_536, bitrate=200_000, max_total_bytes=600_000)
    await _record_noise(scene, 450)
    facts = scene.recorder.facts()
    await scene.finish()

    assert (facts["state"], facts["dropped"]) == ("recording", 0)
    assert facts["deleted"] > 0
    assert size_of(scene.folder) <= 600_000
    assert f"{START_US}.mp4 cannot be deleted: Operation not permitted" in caplog.text


def test_a_cap_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 12000000 bytes at this bitrate"):
        VideoRecording(max_total_bytes=1_000_000)


# --- one hub to a folder ---


async def test_a_second_hub_leaves_the_folder_of_the_first_alone(studio: Any, tmp_path: Path) -> None:
    scene = await studio()
    await scene.show(100, START_US)
    await scene.written(1)
    hub = HubEndpoint(f"ipc://{tmp_path}/in-second", f"ipc://{tmp_path}/pub-second")
    settings = VideoRecording(enabled=True, out_dir=scene.folder)
    with pytest.raises(
        StartupError, match=rf"another hub \(process {os.getpid()}\) records into it.* out_dir of its own"
    ):
        Recorder(settings, "software", hub, HubStats().who)
    (recorded,) = await scene.finish()
    assert recorded.times_us() == [START_US]

    await Recorder(settings, "software", hub, HubStats().who).stop()
    hub.close()


# --- what earlier runs left ---


def test_what_cannot_be_read_is_left_alone_and_what_is_empty_goes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    track = tmp_path / "alice" / "TR_cam"
    track.mkdir(parents=True)
    unreadable, empty = track / f"{START_US}.mp4", track / f"{START_US + 1}.mp4"
    unreadable.symlink_to(unreadable)
    empty.touch()
    archive = Archive(tmp_path, 0, 0, "stop")

    assert unreadable.is_symlink()
    assert not empty.exists()
    assert archive.segment_count == 0
    assert f"{START_US}.mp4 cannot be read and is left alone: Too many levels of symbolic links" in caplog.text
    assert "alice" not in caplog.text


def _cut_off(folder: Path, seconds: int) -> Path:
    """What a hub leaves of a microphone when it is killed after some seconds."""
    archive = Archive(folder, 0, 0, "stop")
    chunk = AudioChunk(START_US, 48_000, 1, 480, beep(48_000, 0.01).astype("<f4").tobytes(), "alice", "TR_mic")
    segment = AudioSegment(archive.open("alice", "TR_mic", START_US), chunk, 32_000, Limits(60_000_000, 2**20))
    for number in range(seconds * 100):
        segment.add(dataclasses.replace(chunk, pts_us=START_US + number * 10_000))
    (path,) = folder.glob("*/*/*.mp4")
    left = path.read_bytes()
    segment.close()
    archive.close()
    path.with_suffix(".json").unlink()
    path.write_bytes(left)
    return path


def test_sound_that_was_cut_off_is_described_as_other_sound_is(tmp_path: Path) -> None:
    path = _cut_off(tmp_path, 5)
    Archive(tmp_path, 0, 0, "stop").close()

    facts = json.loads(path.with_suffix(".json").read_text())
    with av.open(str(path)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert facts["num_samples"] == pytest.approx(samples, abs=960)
    assert samples > 3 * 48_000
    assert facts["end_us"] - facts["start_us"] == pytest.approx(samples * 1_000_000 // 48_000, abs=40_000)
    assert (facts["kind"], facts["codec"], facts["is_cut_off"]) == ("audio", "opus", True)
    assert (facts["sample_rate"], facts["channels"]) == (48_000, 1)


def test_a_full_disk_keeps_no_hub_from_starting(
    tmp_path: Path, small_files: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = _cut_off(tmp_path, 3)
    small_files(0)
    archive = Archive(tmp_path, 0, 0, "stop")

    assert (archive.segment_count, archive.size_bytes) == (1, path.stat().st_size)
    assert "no sidecar for" in caplog.text
    assert {each.suffix for each in path.parent.iterdir()} == {".mp4"}


# --- faults ---


class _StuckCodec(SoftwareCodec):
    """Software that waits for a permit, as a busy machine would."""

    def __init__(self) -> None:
        super().__init__("libx264", bitrate=1_000_000, fps=30)
        self.permit = threading.Event()

    def open(self, *arguments: Any) -> Any:
        self.permit.wait(LIMIT_S)
        return super().open(*arguments)


async def test_a_stuck_encoder_delays_nobody_and_its_losses_are_counted(studio: Any) -> None:
    scene = await studio()
    threads = threading.active_count()
    stuck = scene.recorder._codec = _StuckCodec()
    heard: list[AudioChunk] = []
    hub_side = scene.connector
    for number in range(40):
        await scene.show(100, START_US + number * FRAME_US)
        await scene.say(np.zeros(480), START_US + number * 10_000, who="bob")
        heard.append(number)
    facts = await scene.until(lambda facts: facts["written"] == 40)  # the sound; no picture can be
    assert facts["dropped"] >= 40 - 8 - 1
    assert threading.active_count() - threads < 10
    stuck.permit.set()
    await scene.until(lambda facts: facts["written"] + facts["dropped"] == 80)
    found = await scene.finish()
    assert hub_side is scene.connector

    (video,) = [each for each in found if each.facts["kind"] == "video"]
    assert video.facts["num_frames"] == 80 - 40 - facts["dropped"]


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Lets files of this process grow no further than so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_is_said_and_survived(
    studio: Any, small_files: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("xr_media_hub.recording._track._RETRY_S", 0.0)
    scene = await studio(bitrate=4_000_000)
    await _record_noise(scene, 1)
    small_files(20_000)
    while not (facts := scene.recorder.facts())["state"].startswith("failing: "):
        await _record_noise(scene, 1)
    assert "File too large" in facts["state"]
    assert facts["dropped"] > 0
    small_files(2**30)
    dropped = facts["dropped"]
    await _record_noise(scene, 60)
    facts = scene.recorder.facts()
    found = await scene.finish()

    assert (facts["state"], facts["dropped"]) == ("recording", dropped)
    assert "recording the video of a participant who is not here fails" in caplog.text
    assert "alice" not in caplog.text
    assert len(found[-1].times_us()) == 60


def test_the_sidecar_of_a_file_that_lost_its_end_tells_what_is_left(tmp_path: Path, small_files: Any) -> None:
    archive = Archive(tmp_path, 0, 0, "stop")
    codec = SoftwareCodec("libx264", bitrate=4_000_000, fps=30)
    segment = VideoSegment(archive.open("a", "b", START_US), picture_at(START_US), codec, Limits(60_000_000, 2**30))
    small_files(150_000)
    shown = 0

    def show_on() -> None:
        nonlocal shown
        while True:
            at_us = START_US + shown * FRAME_US
            segment.add(Picture(at_us, PixelFormat.I420, 64, 48, bytes(noise(64, 48, shown))))
            shown += 1

    with pytest.raises(OSError, match="File too large"):
        show_on()
    small_files(2**30)
    segment.close()

    (recorded,) = recordings(tmp_path)
    left = playable_us(recorded.path)
    assert 0 < len(left) < shown
    assert recorded.facts["num_frames"] == len(left)
    assert recorded.facts["end_us"] == left[-1]
    assert recorded.facts["is_cut_off"]
    assert recorded.path.stat().st_size == recorded.facts["size_bytes"] == 150_000, "something followed what was lost"


class _UnflushableCodec(SoftwareCodec):
    """An encoder that fails at the very end."""

    def open(self, *arguments: Any) -> Any:
        encoder = super().open(*arguments)
        return types.SimpleNamespace(encode=encoder.encode, flush=self._fail)

    def _fail(self) -> Iterable[Any]:
        raise OSError(5, "Input/output error")


def test_nothing_is_written_to_what_a_closed_files_descriptor_became(tmp_path: Path) -> None:
    archive = Archive(tmp_path, 0, 0, "stop")
    file = archive.open("a", "b", START_US)
    codec = _UnflushableCodec("libx264", bitrate=500_000, fps=30)
    segment = VideoSegment(file, picture_at(START_US), codec, Limits(60_000_000, 2**20))
    for number in range(40):
        segment.add(picture_at(START_US + number * FRAME_US))
    with pytest.raises(OSError, match="Input/output"):
        segment.close()
    somebodys: list[int] = []
    while file._descriptor not in somebodys:  # the test needs the number to be used again
        somebodys.append(os.open(tmp_path / f"somebodys{len(somebodys)}", os.O_CREAT | os.O_RDWR))
    with pytest.raises(ValueError, match="takes no more"):
        file.write(b"late")
    del segment
    gc.collect()

    assert {os.fstat(each).st_size for each in somebodys} == {0}
    for each in somebodys:
        os.close(each)
    (recorded,) = recordings(tmp_path)
    assert recorded.facts["is_cut_off"]
    assert recorded.facts["num_frames"] == len(playable_us(recorded.path)) == 40


async def test_a_stop_waits_once_for_all_that_are_stuck(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xr_media_hub.recording._recorder._STOP_LIMIT_S", 0.5)
    scene = await studio()
    stuck = scene.recorder._codec = _StuckCodec()
    for number in range(60):  # one participant may have no more than half of them
        await scene.show(100, START_US, who=("alice", "bob")[number % 2], track=f"TR_{number}")
    began_s = time.monotonic()
    await scene.recorder.stop()
    took_s = time.monotonic() - began_s
    stuck.permit.set()
    await scene.written(60)

    assert 0.5 <= took_s < 15.0, "one after the other it takes half a second for each of them"


async def test_a_track_that_falls_silent_is_completed_and_may_go_on(tmp_path: Path) -> None:
    archive = Archive(tmp_path, 0, 0, "stop")
    codec = SoftwareCodec("libx264", bitrate=500_000, fps=30)

    def start(first: Picture) -> VideoSegment:
        return VideoSegment(archive.open("alice", "cam", first.pts_us), first, codec, Limits(60_000_000, 2**20))

    writer: TrackWriter[Picture] = TrackWriter("video", "alice", archive, start, 8, idle_limit_s=0.05)
    picture = Picture(START_US, PixelFormat.I420, 64, 48, bytes(i420(90, 64, 48)))
    assert writer.offer(picture)
    assert writer.join(LIMIT_S)

    assert [each.facts["num_frames"] for each in recordings(tmp_path)] == [1]
    assert not writer.offer(picture), "what is offered now would be lost without a word"


async def test_leaving_completes_the_files_and_frees_the_threads(studio: Any) -> None:
    scene = await studio()
    before = threading.active_count()
    for number in range(20):
        await scene.show(100, START_US + number, track=f"TR_{number}")
    await scene.written(20)
    await scene.connector.notify_participant_left("alice", START_US)
    await scene.until(lambda facts: facts["tracks"] == 0)

    await scene.until(lambda _: threading.active_count() <= before)
    assert [each.facts["num_frames"] for each in recordings(scene.folder)] == [1] * 20
    assert scene.recorder.facts()["written"] == 20


# --- encoders ---


def test_hardware_insists_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULE, None)
    with pytest.raises(StartupError, match=r"video_codec: hardware, but PyNvVideoCodec is not installed"):
        choose_codec("hardware", bitrate=1_000_000, fps=30, gpu_id=0)


@pytest.mark.parametrize("choice", ["auto", "software"])
def test_what_was_chosen_and_why_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, choice: Any
) -> None:
    monkeypatch.setitem(sys.modules, MODULE, None)
    caplog.set_level("INFO")
    choose_codec(choice, bitrate=1_000_000, fps=30, gpu_id=0)

    why = "PyNvVideoCodec is not installed" if choice == "auto" else "video_codec: software"
    assert f"recording with libx264 in software ({why}" in caplog.text


def test_recording_without_pyav_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in sys.modules if name.startswith("xr_media_hub.recording")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "av", None)
    config = HubConfig(video_recording=VideoRecording(enabled=True, out_dir=tmp_path))
    with pytest.raises(StartupError, match=r"xr-media-hub\[record\]"):
        _hub._recorder(config, None, HubStats())  # type: ignore[arg-type]


FORCE_IDR = 2


class _Session:
    """An encoder session with PyNvVideoCodec's interface whose pictures x264 encodes: real Annex B, without a card."""

    def __init__(self, width: int, height: int, fmt: str, is_cpu: bool, **options: Any) -> None:
        assert (fmt, is_cpu, options["bf"], options["codec"]) == ("YUV420", True, 0, "h264")
        self._context: Any = av.CodecContext.create("libx264", "w")
        self._context.width, self._context.height, self._context.pix_fmt = width, height, "yuv420p"
        self._context.time_base = Fraction(1, 30)
        headers = f"repeat-headers=1:annexb=1:keyint={options['idrperiod']}"
        self._context.options = {
            **{"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"},
            "x264-params": headers,
        }
        self._count = 0

    def Encode(self, planes: np.ndarray, flags: int = 0) -> list[dict[str, Any]]:
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pict_type = PictureType.I if flags & FORCE_IDR else PictureType.NONE
        frame.pts, self._count = self._count, self._count + 1
        return self._packets(self._context.encode(frame))

    def EndEncode(self) -> list[dict[str, Any]]:
        return self._packets(self._context.encode(None))

    def _packets(self, packets: Any) -> list[dict[str, Any]]:
        return [{"data": bytes(each), "picture_type": 3 if each.is_keyframe else 0} for each in packets]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """The library's surface, for everything around the card itself."""
    flags = types.SimpleNamespace(FORCEIDR=FORCE_IDR, OUTPUT_SPSPPS=4)
    library = types.SimpleNamespace(GetEncoderCaps=lambda **_: {}, CreateEncoder=_Session, NV_ENC_PIC_FLAGS=flags)
    monkeypatch.setitem(sys.modules, MODULE, library)
    return library


async def test_what_a_card_encodes_is_kept_with_its_times(studio: Any, card: Any) -> None:
    scene = await studio(codec="hardware", segment_s=1.0)
    times = [START_US + number * 41_003 for number in range(60)]
    for number, at_us in enumerate(times):
        await scene.show(30 + number * 3, at_us, size=(65, 49))
        await scene.written(number + 1)
    found = await scene.finish()

    assert [at_us for each in found for at_us in each.times_us()] == times
    assert {each.facts["codec"] for each in found} == {"nvenc h264"}
    assert found[1].pictures()[0][1].mean() > found[0].pictures()[0][1].mean()


@pytest.mark.parametrize("name", ["libx264", "libvpx-vp9", "card"])
def test_a_slow_camera_can_be_played_up_to_its_last_second_while_it_is_written(
    tmp_path: Path, card: Any, name: str
) -> None:
    """Five pictures a second where thirty may come: what counts pictures would make each fragment six seconds long."""
    archive = Archive(tmp_path, 0, 0, "stop")
    settings = {"bitrate": 500_000, "fps": 30.0}
    codec = NvencCodec(**settings, gpu_id=0) if name == "card" else SoftwareCodec(name, **settings)
    file = archive.open("a", "b", START_US)
    segment = VideoSegment(file, picture_at(START_US), codec, Limits(60_000_000, 2**20))
    times = [START_US + number * 200_000 for number in range(29)]
    for at_us in times:
        segment.add(picture_at(at_us))

    seen = playable_us(file.path)
    segment.close()
    assert seen == times[: len(seen)]
    assert times[-1] - seen[-1] <= 1_200_000


async def test_a_card_that_takes_no_more_sessions_leaves_the_rest_to_software(
    studio: Any, card: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError("NV_ENC_ERR_OUT_OF_MEMORY\nand a page of advice")

    card.CreateEncoder = refuse
    scene = await studio(codec="auto")
    await scene.show(100, START_US)
    await scene.written(1)
    (recorded,) = await scene.finish()

    assert recorded.times_us() == [START_US]
    assert "goes on with libx264: GPU 0 takes no further session: NV_ENC_ERR_OUT_OF_MEMORY" in caplog.text


@pytest.mark.parametrize("choice", ["auto", "hardware"])
async def test_a_driver_without_an_encoder_is_named(card: Any, caplog: pytest.LogCaptureFixture, choice: Any) -> None:
    def fail(**_: Any) -> Any:
        raise RuntimeError("no encode engine")

    card.GetEncoderCaps = fail
    caplog.set_level("INFO")
    if choice == "hardware":
        with pytest.raises(StartupError, match=r"GPU 1 has no H\.264 encoder: no encode engine"):
            choose_codec(choice, bitrate=1_000_000, fps=30, gpu_id=1)
    else:
        choose_codec(choice, bitrate=1_000_000, fps=30, gpu_id=1)
        assert "GPU 1 has no H.264 encoder" in caplog.text
