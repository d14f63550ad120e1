"""``xrstack up`` from end to end with real programs: what ends it, and with which code."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

XRSTACK = Path(sys.executable).parent / "xrstack"
DEADLINE_S = 30


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def _up(stack: str, *options: str) -> subprocess.Popen[str]:
    Path("stack.yaml").write_text(stack)
    command = [str(XRSTACK), "up", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_failing_role_ends_the_stack_with_its_own_code() -> None:
    """W22: the public launcher ends with 0 when a child dies."""
    stack = "stack: s\nroles:\n  ok: {command: sleep 600}\n  bad: {command: [sh, -c, 'echo last words; exit 7']}\n"
    out, err = _finish(process := _up(stack))
    assert process.returncode == 7
    assert "last words" in out
    assert "bad" in err


def test_roles_see_their_environment_their_folder_and_what_setup_found(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    stack = """\
stack: s
env: {SHARED: stack}
setup: {shell: {export: SHELL_FOUND, binary: [{env: XRSTACK_NEVER_SET}, {path: sh}]}}
roles:
  show:
    command: ["${setup.shell}", -c, 'echo "$SHARED $OWN $SHELL_FOUND $(pwd)"; test -d "$ROOM"; exit 9']
    dir: sub
    env: {OWN: role, ROOM: "${run_dir}"}
"""
    out, _ = _finish(process := _up(stack))
    assert process.returncode == 9
    found = next(path for path in os.environ["PATH"].split(":") if Path(path, "sh").exists()) + "/sh"
    assert f"stack role {found} {tmp_path / 'sub'}" in out


def test_the_chosen_profile_is_said_aloud() -> None:
    stack = "stack: s\nroles: {a: {command: [sh, -c, 'exit 3']}}\nprofiles: {p: {}}\n"
    _, err = _finish(_up(stack, "--profile", "p"))
    assert "s: profile p: chosen by --profile\n" in err


def test_setup_only_prepares_and_starts_nothing(tmp_path: Path) -> None:
    stack = "stack: s\nsetup: {made: {run: [touch, made], creates: made}}\nroles: {a: {command: touch started}}\n"
    _finish(process := _up(stack, "--setup-only"))
    assert process.returncode == 0
    assert (tmp_path / "made").exists()
    assert not (tmp_path / "started").exists()


def test_a_role_that_is_not_ready_in_time_ends_the_stack_with_4() -> None:
    stack = "stack: s\nroles: {a: {command: sleep 600, ready: {log: never}, ready_timeout: 300ms}}\n"
    _, err = _finish(process := _up(stack))
    assert process.returncode == 4
    assert "a" in err


def test_ctrl_c_ends_with_130() -> None:
    process = _up("stack: s\nroles: {a: {command: [sh, -c, 'echo running; exec sleep 600']}}\n")
    assert process.stdout is not None
    assert "running" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _finish(process)
    assert process.returncode == 130


def test_a_role_left_out_is_not_started(tmp_path: Path) -> None:
    stack = "stack: s\nroles:\n  a: {command: [sh, -c, 'exit 5']}\n  b: {command: [sh, -c, 'touch b; sleep 600']}\n"
    _finish(process := _up(stack, "--without", "b"))
    assert process.returncode == 5
    assert not (tmp_path / "b").exists()


def _finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.communicate()
        raise
