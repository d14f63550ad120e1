"""The keys of agents on other machines, and the command that makes them."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from xr_ai_program import StartupError
from xr_media_hub import _make_keys


def _command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "xr_media_hub", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_makes_keys_for_their_owners_alone_and_never_over_old_ones(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    done = _command("--make-keys", str(folder), "worker", "robot")

    assert done.returncode == 0, done.stderr
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    assert set(files) == {
        "hub.key",
        "hub.key_secret",
        "agents/worker.key",
        "agents/robot.key",
        "for-worker/worker.key_secret",
        "for-worker/hub.key",
        "for-robot/robot.key_secret",
        "for-robot/hub.key",
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert f"server_key: {folder}/hub.key_secret" in done.stdout
    assert "XR_HUB_CLIENT_KEY=for-worker/worker.key_secret" in done.stdout
    before = files["hub.key_secret"].read_bytes()

    again = _command("--make-keys", str(folder), "worker")
    assert again.returncode == 1
    assert "worker.key is there already" in again.stderr
    _make_keys.make_keys(folder, ["third"])
    assert files["hub.key_secret"].read_bytes() == before
    assert "Traceback" not in again.stderr


@pytest.mark.parametrize("name", ["../escape", "a b", ""])
def test_a_name_that_is_none_makes_no_keys(tmp_path: Path, name: str) -> None:
    with pytest.raises(StartupError, match="expected 1 to 64 letters"):
        _make_keys.run(["--make-keys", str(tmp_path / "keys"), name])
    assert not (tmp_path / "keys").exists()
