"""Ctrl-Z, `fg` and `bg` in a real shell: roles run on, the terminal is the shell's."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

XRSTACK = Path(sys.executable).parent / "xrstack"
Start = Callable[..., Any]
STACK = """\
stack: toy
roles:
  web: {command: [sh, -c, 'echo serving; while ! test -e go; do sleep 0.02; done; echo went on; exec sleep 600']}
"""
PROMPT = "shell>"


@pytest.fixture
def shell(on_terminal: Start, tmp_path: Path) -> Iterator[Any]:
    """An interactive shell in whose foreground a stack is up."""
    (tmp_path / "stack.yaml").write_text(STACK)
    terminal = on_terminal("--norc", "--noprofile", "-i", program="bash", PS1=f"{PROMPT} ")
    terminal.wait_for_text(PROMPT)
    terminal.type(f"{XRSTACK} up\n")
    terminal.wait_for_text("toy · 1 of 1 ready")
    yield terminal
    terminal.type("exit\n")  # and again, where it warns of stopped jobs
    terminal.type("exit\n")
    terminal.wait_for_end()


def _last_row(terminal: Any) -> str:
    return next((row for row in reversed(terminal.rows) if row), "")


def _suspend(terminal: Any) -> None:
    terminal.type("\x1a")
    terminal.wait_for(lambda: "Stopped" in terminal.text and _last_row(terminal) == PROMPT, "the prompt")


def _end(terminal: Any) -> None:
    terminal.type("\x03")
    terminal.wait_for(lambda: _last_row(terminal) == PROMPT, "the prompt after the end")


def _log(run_dirs: dict[str, str]) -> str:
    (path,) = Path(run_dirs["XDG_STATE_HOME"]).glob("xrstack/toy/latest/web.log")
    return path.read_text()


def test_roles_run_on_and_what_they_say_waits(shell: Any, tmp_path: Path, run_dirs: dict[str, str]) -> None:
    _suspend(shell)
    assert shell.margins is None
    assert not shell.is_cursor_hidden
    assert "1 of 1 ready" not in shell.text
    (tmp_path / "go").touch()
    shell.wait_for(lambda: "went on" in _log(run_dirs), "the role's words in its log")
    shell.type("echo the shell is mine\n")
    shell.wait_for(lambda: shell.text.count("the shell is mine") == 2, "the shell's answer")
    assert "went on" not in shell.text
    shell.type("fg\n")
    shell.wait_for_text("web     │ went on")
    shell.wait_for_text("toy · 1 of 1 ready")
    assert shell.margins is not None
    _end(shell)
    assert "stopped by Ctrl-C" in shell.text
    assert shell.margins is None


def test_twice(shell: Any) -> None:
    for _ in range(2):
        _suspend(shell)
        shell.type("clear\n")
        shell.wait_for(lambda: "Stopped" not in shell.text, "a clear screen")
        shell.type("fg\n")
        shell.wait_for_text("toy · 1 of 1 ready")
    _end(shell)


def test_a_table_does_not_draw_from_the_background(shell: Any) -> None:
    _suspend(shell)
    shell.type("clear; bg\n")
    shell.wait_for(lambda: re.search(r"\+ *xrstack up &|xrstack up &", shell.text), "bash's word for going on")
    # It is stopped again as soon as it wants to draw, and bash says so once it has noticed.
    shell.type("until jobs | grep -q S[t]opped; do sleep 0.05; done; jobs\n")
    shell.wait_for_text("Stopped")
    assert "1 of 1 ready" not in shell.text
    shell.type("fg\n")
    shell.wait_for_text("toy · 1 of 1 ready")
    _end(shell)


def test_a_suspended_stack_can_be_stopped_from_elsewhere(shell: Any, tmp_path: Path, run_dirs: dict[str, str]) -> None:
    _suspend(shell)
    down = subprocess.run(
        [XRSTACK, "down", "toy"],
        env={**os.environ, **run_dirs},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (down.returncode, down.stderr) == (0, "toy is stopped\n")
    shell.wait_for_text("stopped by xrstack down")
