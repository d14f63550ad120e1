"""Commands on a terminal that tests can read."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.terminal import Terminal

XRSTACK = Path(sys.executable).parent / "xrstack"


Start = Callable[..., Terminal]


@contextlib.contextmanager
def _own_dirs() -> Iterator[dict[str, str]]:
    """Variables that keep everything of a launcher in a folder of its own; short, since sockets live below it."""
    with tempfile.TemporaryDirectory(prefix="xr-") as folder:
        yield {"XDG_RUNTIME_DIR": folder, "XDG_STATE_HOME": f"{folder}/state", "XDG_CACHE_HOME": f"{folder}/cache"}


@pytest.fixture
def run_dirs() -> Iterator[dict[str, str]]:
    """The folders of a test's launchers."""
    with _own_dirs() as variables:
        yield variables


@pytest.fixture(scope="module")
def shared_run_dirs() -> Iterator[dict[str, str]]:
    """The folders of a launcher that a module's tests share."""
    with _own_dirs() as variables:
        yield variables


@pytest.fixture
def on_terminal(tmp_path: Path, run_dirs: dict[str, str]) -> Iterator[Start]:
    """Run ``xrstack`` (or another program) on a terminal."""
    terminals: list[Terminal] = []

    def start(*words: str, columns: int = 100, lines: int = 30, program: str = str(XRSTACK), **env: str) -> Terminal:
        inherited = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
        environment = {**inherited, "TERM": "xterm-256color", **run_dirs, **env}
        terminals.append(Terminal([program, *words], columns=columns, lines=lines, env=environment, cwd=tmp_path))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()
