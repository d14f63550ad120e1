"""A bounded run of the fuzz target: every known input, then what a fuzzer makes of them."""

import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import pytest

from xr_ai_agent._frames.shm import shm_root
from xr_ai_agent._hub.media_checks import MediaChecks

HERE = Path(__file__).parent
RUNS = 1_000
_spec = importlib.util.spec_from_file_location("hub_target", HERE / "hub_target.py")
assert _spec is not None
assert _spec.loader is not None
hub_target = importlib.util.module_from_spec(_spec)
sys.modules["hub_target"] = hub_target
_spec.loader.exec_module(hub_target)


def test_every_seed_passes_and_together_they_reach_every_handler(monkeypatch):
    reached = set()
    with hub_target.hub_target() as target:
        original = hub_target.HubCore._dispatch

        def spy(core, frame, handlers, sender=None):
            if frame and frame[0] in handlers:
                reached.add(int(frame[0]))
            return original(core, frame, handlers, sender)

        monkeypatch.setattr(hub_target.HubCore, "_dispatch", spy)
        for seed in hub_target.seeds():
            target.run(seed)
        core = hub_target.HubCore(hub_target.Outlets(), 1, hub_target.LossCounter(hub_target.logging.getLogger("x")))
        assert reached == {int(kind) for kind in (*core._handlers, *core._control_handlers)}


def test_the_target_notices_media_of_somebody_who_is_not_here(monkeypatch):
    """A target that cannot fail finds nothing: here the hub is made to forget a check."""
    monkeypatch.setattr(MediaChecks, "is_present", lambda *_: True)
    monkeypatch.setattr(MediaChecks, "is_data", lambda *_: True)
    message = hub_target.encode(hub_target.MsgType.RETURN_DATA, hub_target.DataMessage("mallory", "t", 1, b""))
    with hub_target.hub_target() as target, pytest.raises(AssertionError, match="mallory"):
        target.run(hub_target.join((0, message)))


def test_every_input_of_the_corpus_passes():
    with hub_target.hub_target() as target:
        for data in hub_target.corpus():
            target.run(data)


@pytest.mark.timeout(320)
def test_what_a_bounded_run_makes_of_the_corpus_passes(tmp_path):
    """Guided by coverage where atheris is installed (Linux), else by plain mutation."""
    if importlib.util.find_spec("atheris") is None:
        _mutate(RUNS)
        return
    command = [sys.executable, str(HERE / "run_fuzzer.py"), str(tmp_path / "found"), f"-runs={RUNS}", "-max_len=4096"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    (shm_root() / hub_target.ring_name(tmp_path / "found")).unlink()
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert f"Done {RUNS} runs" in ended.stderr


def test_plain_mutation_works_too():
    _mutate(200)


def _mutate(runs: int) -> None:
    chance = random.Random()
    with hub_target.hub_target() as target:
        known = hub_target.corpus()
        for _ in range(runs):
            data = bytearray(chance.choice(known) + chance.choice(known))
            for _ in range(chance.randint(1, 8)):
                at = chance.randrange(len(data))
                match chance.randrange(3):
                    case 0:
                        data[at] = chance.randrange(256)
                    case 1:
                        del data[at : at + chance.randint(1, 8)]
                    case 2:
                        data[at:at] = chance.randbytes(chance.randint(1, 8))
                data = data or bytearray(b"\0")
            target.run(bytes(data))
