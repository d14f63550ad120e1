"""The command as its users type it: help, and a check that starts nothing."""

import subprocess
import sys
from pathlib import Path

REFERENCE = Path(__file__).resolve().parents[1] / "xr_media_hub.yaml"


def _command(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "xr_media_hub", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_tells_what_there_is() -> None:
    done = _command("--help")

    assert (done.returncode, done.stderr) == (0, "")
    for word in ("media hub", "--config", "--check", "--ready-file", "--make-keys", "XR_AI_LOG_FORMAT"):
        assert word in done.stdout


def test_a_check_of_the_reference_file_finds_nothing() -> None:
    done = _command("--check", "--config", REFERENCE)

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "xr_media_hub: configuration is valid\n"


def test_a_check_names_all_that_is_wrong_and_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text("api_secret: hunter2\nweb_sever_port: 1\nweb_client_dir: nowhere\nlk_port_tcp: 7880\n")
    done = _command("--check", "--config", path)

    assert (done.returncode, done.stdout) == (2, "")
    for place in ("1:13: api_secret", "2:1: web_sever_port", "3:17: web_client_dir", "4:14: lk_port_tcp"):
        assert f"{path}:{place}: " in done.stderr
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_check_says_which_keys_of_the_old_hub_do_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hub.yaml"
    path.write_text("shm_num_slots: 10\nenable_token_server: true\n")
    done = _command("--check", "--config", path)

    assert done.returncode == 0
    assert done.stderr.count("keys of v0.1 that do nothing any more") == 1
    assert "shm_num_slots" in done.stderr
    assert "http://THIS_HOST:8000" in done.stderr
