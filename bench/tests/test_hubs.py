"""The harness itself, with real processes: what is sent arrives, and what a hub loses is seen."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hub_process import running_hub
from hub_rig import Rig, rigs

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def both() -> Iterator[dict[str, Rig]]:
    with rigs(("floor-ask", "ours"), lambda spec: Rig(spec, pids=["p0", "p1"], max_frame_bytes=4096)) as started:
        yield started


@pytest.mark.parametrize("spec", ["floor-ask", "ours"])
def test_signals_arrive_and_take_time(both: dict[str, Rig], spec: str) -> None:
    rig = both[spec]
    rig.clear()
    sent = rig.connector("signals", pids=rig.pids, secs=0.2, rate=200)
    assert rig.until_received(rig.agent, "frames", sent["sent"]) == sent["sent"] == 40
    assert rig.agent("stats")["frames"]["p50"] > 0


@pytest.mark.parametrize("spec", ["floor-ask", "ours"])
def test_a_fetched_frame_is_one_picture(both: dict[str, Rig], spec: str) -> None:
    rig = both[spec]
    rig.clear()
    sent = rig.connector("frames", pids=["p0"], secs=0.1, rate=30, w=16, h=16, fmt="I420")
    assert rig.until_received(rig.agent, "frames", sent["sent"]) > 0
    got = rig.agent("fetch", pid="p0", secs=0.1)
    assert got["lat"]["n"] > 0
    assert (got["torn"], got["changed"], got["none"]) == (0, 0, 0)


def test_what_does_not_come_is_not_counted(both: dict[str, Rig]) -> None:
    rig = both["ours"]
    rig.clear()
    sent = rig.connector("signals", pids=["nobody"], secs=0.1, rate=100)
    assert rig.until_received(rig.agent, "frames", sent["sent"]) == 0
    assert rig.agent("stats")["frames"] == {"n": 0, "p50": None, "p99": None, "max": None}


def test_a_command_that_fails_says_why(both: dict[str, Rig]) -> None:
    assert "nobody_knows" in both["ours"].hub("nobody_knows")["error"]


def test_a_hub_ends_with_its_measurement_also_when_that_fails(tmp_path: Path) -> None:
    everything: list[psutil.Process] = []

    def measure() -> None:
        with running_hub(tmp_path) as hub:
            everything.extend([hub.process, *hub.process.children(recursive=True)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measure()
    assert len(everything) > 1, "no LiveKit server"
    _, alive = psutil.wait_procs(everything, timeout=20)  # what is no child of ours is collected by somebody else
    assert alive == []
