"""Frames in shared memory: the hub's ring per track, its leases, and the ring of external connectors."""

import contextlib
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from xr_ai_agent import FrameSignal, FrameTooLargeError, PixelFormat, RingError, RingFullError
from xr_ai_agent._frames.connector_ring import ConnectorRing
from xr_ai_agent._frames.ring_map import RingMap
from xr_ai_agent._frames.shm import ShmFolder, shm_root, sweep_stale_folders
from xr_ai_agent._frames.track_ring import DEFAULT_SLOTS, NewestFrame, TrackRing


@pytest.fixture
def ring(tmp_path):
    ring = TrackRing(tmp_path, 10_000)
    yield ring
    ring.close()


def _frame(value: int, size: int = 10_000) -> memoryview:
    return memoryview(bytes([value]) * size)


def test_a_reader_of_the_file_sees_the_pixels_and_cannot_write_them(ring):
    place = ring.write(_frame(7))
    reader = RingMap(str(ring.path), ring.token)
    view = reader.view(place.data_offset, 10_000)
    assert view == _frame(7)
    assert reader.generation(place.generation_offset) == place.generation
    with pytest.raises(TypeError, match="read-only"):
        view[0] = 1
    assert os.stat(ring.path).st_mode & 0o777 == 0o600


def _tell(ring, place, seq):
    ring.tell_newest(NewestFrame(seq, 5, 10, 1000, 0, 10_000, place.generation_offset, place.generation))


def test_the_newest_frame_is_found_without_asking(ring):
    reader = RingMap(str(ring.path), ring.token)
    assert reader.newest is None
    for seq in (1, 2):
        _tell(ring, ring.write(_frame(seq)), seq)
        newest = reader.newest
        assert newest.seq == seq
        assert reader.view(newest.data_offset, newest.size) == _frame(seq)
        assert reader.generation(newest.generation_offset) == newest.generation


def test_what_is_just_being_told_and_what_a_closed_ring_told_is_not_read(ring):
    place = ring.write(_frame(1))
    reader = RingMap(str(ring.path), ring.token)
    _tell(ring, place, 1)
    ring._words[64 // 8] += 1
    assert reader.newest is None
    ring._words[64 // 8] += 1
    assert reader.newest is not None
    ring.close()
    assert reader.newest is None


_STRESS_SIZE = 300_000
_WRITER = f"""
import sys
from pathlib import Path
from xr_ai_agent._frames.track_ring import NewestFrame, TrackRing

ring = TrackRing(Path(sys.argv[1]), {_STRESS_SIZE})
print(ring.path, ring.token.hex(), flush=True)
for seq in range(1, 1_000_000):
    place = ring.write(memoryview(bytes([seq % 251]) * {_STRESS_SIZE}))
    ring.tell_newest(NewestFrame(seq, -seq, seq, 1000, 0, {_STRESS_SIZE}, place.generation_offset, place.generation))
"""


def test_no_reader_ever_takes_half_a_frame_from_a_writer_at_full_speed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        try:
            path, token = writer.stdout.readline().split()
            reader = RingMap(path, bytes.fromhex(token))
            wrong, seqs, deadline = [], set(), time.monotonic() + 60
            while len(seqs) < 500 and time.monotonic() < deadline:
                newest = reader.newest
                if newest is None:
                    continue
                pixels = bytes(reader.view(newest.data_offset, newest.size))
                if reader.generation(newest.generation_offset) != newest.generation:
                    continue
                seq = newest.seq
                assert not seqs or seq >= max(seqs)
                seqs.add(seq)
                if pixels.count(seq % 251) != len(pixels) or (newest.pts_us, newest.width) != (-seq, seq):
                    wrong.append(seq)
        finally:
            writer.kill()
    assert wrong == []
    assert len(seqs) == 500


def test_what_cannot_be_told_leaves_what_was_told(ring):
    reader = RingMap(str(ring.path), ring.token)
    _tell(ring, ring.write(_frame(1)), 1)
    with pytest.raises(struct.error):
        _tell(ring, ring.write(_frame(2)), -1)
    assert reader.newest.seq == 1
    reader.close()
    assert reader.newest is None


def test_an_overwritten_frame_is_noticed_by_its_generation(ring):
    place = ring.write(_frame(1))
    reader = RingMap(str(ring.path), ring.token)
    for value in range(2, 6):
        ring.write(_frame(value))
    assert reader.generation(place.generation_offset) != place.generation


def test_while_a_slot_is_written_its_generation_is_odd(ring):
    generations = []
    place = ring.write(_frame(1))
    words = ring._words

    class Recorder:
        def __getitem__(self, index):
            return words[index]

        def __setitem__(self, index, value):
            generations.append(value)
            words[index] = value

    ring._words = Recorder()
    for value in range(4):
        ring.write(_frame(value))
    ring._words = words
    assert [g % 2 for g in generations] == [1, 0] * 4
    assert ring._words[place.generation_offset // 8] == place.generation + 2


def test_the_writer_takes_the_oldest_slot_that_nobody_leases(ring):
    places = [ring.write(_frame(value)) for value in range(4)]
    lease = ring.lease(places[0].slot, 60.0)
    assert ring.write(_frame(9)).slot == places[1].slot
    ring.release(places[0].slot, lease)
    assert ring.write(_frame(9)).slot == places[0].slot


def test_a_lease_that_ran_out_holds_nothing(ring):
    places = [ring.write(_frame(value)) for value in range(4)]
    ring.lease(places[0].slot, 0.0)
    assert ring.write(_frame(9)).slot == places[0].slot


def test_when_all_slots_are_leased_the_oldest_goes_and_its_reader_can_tell(ring):
    places = [ring.write(_frame(value)) for value in range(4)]
    for place in places:
        ring.lease(place.slot, 60.0)
    taken = ring.write(_frame(9))
    assert taken.slot == places[0].slot
    assert taken.generation != places[0].generation


def test_a_ring_that_nobody_was_told_of_heeds_no_locks_until_it_is_shared(tmp_path):
    ring = TrackRing(tmp_path, 10_000, is_shared=False)
    places = [ring.write(_frame(value)) for value in range(DEFAULT_SLOTS)]
    reader = RingMap(str(ring.path), ring.token)
    held = [place.generation_offset for place in places]
    assert all(map(reader.lock, held))
    assert ring.write(_frame(9)).generation_offset in held
    ring.share()
    assert ring.write(_frame(10)).generation_offset not in held
    ring.close()


def test_a_frame_too_large_for_its_slot_is_refused_and_hurts_no_neighbour(ring):
    places = [ring.write(_frame(value)) for value in range(4)]
    with pytest.raises(FrameTooLargeError, match="10001 bytes"):
        ring.write(_frame(9, 10_001))
    assert [ring.read(place, 10_000)[-1] for place in places] == [0, 1, 2, 3]


def test_a_closed_ring_is_gone_from_the_system_and_its_readers_know(ring):
    place = ring.write(_frame(7))
    reader = RingMap(str(ring.path), ring.token)
    view = reader.view(place.data_offset, 4)
    ring.close()
    assert reader.is_closed
    assert not ring.path.exists()
    assert view.tolist() == [7] * 4
    reader.close()


def test_a_reader_refuses_a_file_that_is_not_the_announced_ring(ring, tmp_path):
    with pytest.raises(RingError, match="not the announced"):
        RingMap(str(ring.path), bytes(16))
    short = tmp_path / "short"
    short.write_bytes(b"x")
    with pytest.raises(RingError, match="too short"):
        RingMap(str(short), bytes(16))
    reader = RingMap(str(ring.path), ring.token)
    for offset, size in [(0, 10), (4096, 10**9), (-1, 5)]:
        with pytest.raises(RingError, match="outside"):
            reader.view(offset, size)
    for offset in (8, 10**9, 0):
        with pytest.raises(RingError, match="no slot"):
            reader.generation(offset)


def test_a_ring_for_which_there_is_no_room_says_so(tmp_path):
    with pytest.raises(RingError, match="no room for a frame ring"):
        TrackRing(tmp_path, 2**60)
    assert list(tmp_path.iterdir()) == []


def test_folders_of_dead_hubs_are_swept_and_those_of_live_ones_are_not(tmp_path):
    alive = ShmFolder(tmp_path)
    assert alive.path.stat().st_mode & 0o777 == 0o700
    code = (
        "import os, sys, pathlib; from xr_ai_agent._frames.shm import ShmFolder;"
        "folder = ShmFolder(pathlib.Path(sys.argv[1])); (folder.path / 'ring-x').touch();"
        "print(folder.path, flush=True); os._exit(9)"
    )
    died = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert died.returncode == 9
    assert os.path.exists(died.stdout.strip())
    sweep_stale_folders(tmp_path)
    assert list(tmp_path.iterdir()) == [alive.path]
    alive.close()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def connector_ring():
    ring = ConnectorRing.create(f"xr_test_{os.getpid()}", 2, 100)
    yield ring
    ring.close()


def _write(ring: ConnectorRing, seq: int, data: bytes = b"p" * 24) -> FrameSignal:
    return ring.write(seq, 5, 4, 4, PixelFormat.I420, memoryview(data))


def test_a_connector_s_ring_has_the_contract_s_layout(connector_ring):
    _write(connector_ring, 7)
    raw = (shm_root() / connector_ring.name).read_bytes()
    assert struct.unpack_from("=IIQQ", raw) == (0xC0FFEE01, 2, 100, 164)
    assert len(raw) == 24 + 2 * 164
    magic, state, fmt, _, seq, pts, width, height, size = struct.unpack_from("=IBBHQqIII", raw, 24)
    assert (magic, state, fmt, seq, pts, width, height, size) == (0xF4A3E501, 2, 0, 7, 5, 4, 4, 24)
    assert raw[24 + 64 : 24 + 64 + 24] == b"p" * 24
    assert raw[24 + 164 + 4] == 0


def test_the_hub_reads_what_the_connector_wrote_and_gives_the_slot_back(connector_ring):
    hub_side = ConnectorRing.attach(connector_ring.name)
    signal = _write(connector_ring, 1)
    assert bytes(hub_side.read(signal)) == b"p" * 24
    _write(connector_ring, 2)
    with pytest.raises(RingFullError, match="all 2 slots"):
        _write(connector_ring, 3)
    hub_side.release(signal.slot)
    assert _write(connector_ring, 3).slot == signal.slot
    hub_side.close()
    assert (shm_root() / connector_ring.name).exists()


def test_a_frame_larger_than_a_slot_is_refused_before_it_touches_the_next(connector_ring):
    _write(connector_ring, 1)
    second = _write(connector_ring, 2)
    connector_ring.release(0)
    with pytest.raises(FrameTooLargeError, match="101 bytes"):
        _write(connector_ring, 3, b"x" * 101)
    assert bytes(connector_ring.read(second)) == b"p" * 24
    assert _write(connector_ring, 3).slot == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"slot": 2}, "slot 2 of a ring of 2"),
        ({"seq": 9}, "not 9"),
        ({"data_sz": 23}, "24 bytes"),
        ({"slot": 1}, "expected a ready frame"),
        ({"pts_us": 6}, r"at 5\), not 1 .* at 6\)"),
        ({"width": 2, "height": 8}, "4×4, 24 bytes.* 2×8"),
        ({"fmt": PixelFormat.NV12}, "format 0.*format 1"),
    ],
)
def test_a_signal_that_does_not_fit_its_slot_is_refused(connector_ring, change, says):
    signal = _write(connector_ring, 1)
    fields = {name: getattr(signal, name) for name in signal.__slots__}
    with pytest.raises(RingError, match=says):
        connector_ring.read(FrameSignal(**{**fields, **change}))


@pytest.mark.parametrize("content", [b"", b"x" * 10, b"x" * 400, struct.pack("=IIQQ", 0xC0FFEE01, 9, 100, 164)])
def test_a_segment_that_is_not_a_ring_is_refused(content):
    path = shm_root() / f"xr_test_bad_{os.getpid()}"
    path.write_bytes(content)
    try:
        with pytest.raises(RingError):
            ConnectorRing.attach(path.name)
    finally:
        path.unlink()


def test_frames_that_nobody_will_take_are_taken_back_and_newer_ones_are_not(connector_ring):
    lost, taken = _write(connector_ring, 1), _write(connector_ring, 1)
    untaken = connector_ring.untaken()
    connector_ring.release(taken.slot)
    newer = _write(connector_ring, 1)
    assert newer.slot == taken.slot
    connector_ring.take_back(untaken)
    assert not connector_ring.is_ready(lost.slot)
    assert bytes(connector_ring.read(newer)) == b"p" * 24


def test_a_number_that_fits_no_field_of_a_slot_costs_no_slot(connector_ring):
    for _ in range(3):
        with pytest.raises(struct.error):
            connector_ring.write(1, 2**63, 4, 4, PixelFormat.I420, memoryview(bytes(24)))
    assert {_write(connector_ring, seq).slot for seq in (1, 2)} == {0, 1}


_DIES_WITH_RING = """
import os, sys
from xr_ai_agent._frames.connector_ring import ConnectorRing
ring = ConnectorRing.create(sys.argv[2], 2, 100) if sys.argv[2] else ConnectorRing.create_for(sys.argv[1], 2, 100)
print(ring.name, flush=True)
sys.stdin.readline()
os._exit(9)
"""


@contextlib.contextmanager
def _owner_of_ring(connector_id: str, name: str = "") -> Iterator[tuple[subprocess.Popen[str], Path]]:
    arguments = [sys.executable, "-c", _DIES_WITH_RING, connector_id, name]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, shm_root() / process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("connector_id", ["livekit-1", "livekit-2"])
def test_no_connector_takes_the_ring_of_another_however_alike_their_ids(connector_id):
    with _owner_of_ring("livekit-1") as (_, theirs):
        ours = ConnectorRing.create_for(connector_id, 2, 100)
        try:
            assert theirs.exists()
            assert ours.name != theirs.name
            assert connector_id in ours.name
        finally:
            ours.close()


def test_a_ring_whose_owner_died_is_swept_by_the_next_connector_and_a_living_one_s_is_not(connector_ring):
    with _owner_of_ring("dies") as (process, dead), _owner_of_ring("lives") as (_, alive):
        assert dead.exists()
        process.kill()
        process.wait()
        # At the latest: tests that run beside this one make connectors as well.
        ConnectorRing.create_for("sweeps", 2, 100).close()
        assert not dead.exists()
        assert alive.exists()
    alive.unlink(missing_ok=True)


def test_a_name_that_a_living_connector_has_is_refused_and_a_dead_one_s_is_taken():
    name = f"xr_test_owned_{os.getpid()}"
    with _owner_of_ring("owner", name) as (process, path):
        with pytest.raises(RingError, match="the ring of another connector; give this one another shm_name"):
            ConnectorRing.create(name, 2, 100)
        assert path.exists()
        process.kill()
        process.wait()
        ring = ConnectorRing.create(name, 2, 100)
        _write(ring, 1)
        ring.close()
        assert not path.exists()


def test_an_agent_process_that_opened_a_ring_and_ended_leaves_it_in_place(ring):
    place = ring.write(_frame(7))
    code = (
        "import sys; from xr_ai_agent._frames.ring_map import RingMap;"
        "m = RingMap(sys.argv[1], bytes.fromhex(sys.argv[2])); print(m.view(int(sys.argv[3]), 1)[0])"
    )
    arguments = [str(ring.path), ring.token.hex(), str(place.data_offset)]
    ended = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "7"
    assert ended.stderr == ""
    assert ring.path.exists()
