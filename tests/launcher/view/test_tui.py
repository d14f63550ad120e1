"""The full-screen view, driven by Textual's pilot against real running stacks; and on a real terminal."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from xr_ai_launcher._control.client import Control
from xr_ai_launcher._control.model import StackStatus
from xr_ai_launcher._control.runs import find_runs
from xr_ai_launcher._view.tui.app import StackApp
from xr_ai_launcher._view.tui.log_pane import LogPane
from xr_ai_launcher._view.tui.roles import RolesTable
from xr_ai_launcher.testing import wait_for

XRSTACK = Path(sys.executable).parent / "xrstack"
DEADLINE_S = 60.0
Start = Callable[..., Any]
Connect = Callable[[], Control]

STACK = """\
stack: s
roles:
  web: {command: [sh, -c, 'echo serving; exec sleep 600'], url: "http://127.0.0.1:9/"}
  talker:
    command:
      - sh
      - -c
      - 'for i in $(seq 1 200); do echo line $i; done; echo needle here; while :; do sleep 0.2; echo more; done'
"""


class Launcher:
    """``xrstack up`` in the background."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.environment = environment
        self.process = subprocess.Popen(
            [XRSTACK, "up", "--plain"], cwd=folder, env={**os.environ, **environment},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def control(self) -> Control:
        def up() -> list[StackStatus]:
            return [run for run in find_runs(self.environment).running if run.state == "up"]

        return Control(Path(wait_for(up, "the stack is up")[0].runtime))

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=DEADLINE_S)


@pytest.fixture
def launcher(tmp_path: Path, run_dirs: dict[str, str]) -> Iterator[Launcher]:
    """A stack for a test that changes it."""
    (tmp_path / "stack.yaml").write_text(STACK)
    started = Launcher(tmp_path, run_dirs)
    yield started
    started.end()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, shared_run_dirs: dict[str, str]) -> Iterator[Launcher]:
    """A stack for the tests that only look at it."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "stack.yaml").write_text(STACK)
    started = Launcher(folder, shared_run_dirs)
    yield started
    started.end()


async def _until(pilot: Pilot[None], look: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while not look():
        assert time.monotonic() < end, f"not within {DEADLINE_S} s: {what}"
        await pilot.pause(0.02)


def _title(app: StackApp) -> str:
    return str(app.query_one("#title").render())


def _rows(app: StackApp) -> list[str]:
    table = app.query_one(RolesTable)
    return [table.get_row_at(index)[0].plain for index in range(table.row_count)]


def _pane(app: StackApp) -> LogPane:
    return app.query_one(LogPane)


@pytest.mark.anyio
async def test_roles_and_the_log_of_the_first_are_shown(watched: Launcher) -> None:
    app = StackApp(watched.control())
    async with app.run_test(size=(120, 30)) as pilot:
        await _until(pilot, lambda: "s · 2 of 2 ready" in _title(app), "the title")
        await _until(pilot, lambda: re.search(r"● web +ready.*MiB", _rows(app)[0]), "the figures of the first role")
        await _until(pilot, lambda: _pane(app).lines == ["serving"], "its log")


@pytest.mark.anyio
async def test_the_chosen_role_s_log_is_followed(watched: Launcher) -> None:
    app = StackApp(watched.control())
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("down")
        pane = _pane(app)
        await _until(pilot, lambda: "needle here" in pane.lines, "the other log")
        count = len(pane.lines)
        await _until(pilot, lambda: len(pane.lines) > count, "new lines")
        await _until(pilot, lambda: pane.scroll_y == pane.max_scroll_y, "the end in sight")
        assert "following" in str(pane.border_title)


@pytest.mark.anyio
async def test_scrolling_up_stops_following_and_f_follows_again(watched: Launcher) -> None:
    app = StackApp(watched.control())
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("down")
        pane = _pane(app)
        await _until(pilot, lambda: len(pane.lines) > 200, "the log")
        pane.focus()
        await pilot.press("home")
        await _until(pilot, lambda: pane.scroll_y == 0, "the beginning")
        assert not pane.is_following
        count = len(pane.lines)
        await _until(pilot, lambda: len(pane.lines) > count, "new lines")
        assert pane.scroll_y == 0
        await pilot.press("f")
        await _until(pilot, lambda: pane.scroll_y == pane.max_scroll_y, "the end in sight")


@pytest.mark.anyio
async def test_search_shows_the_place_and_escape_ends_it(watched: Launcher) -> None:
    app = StackApp(watched.control())
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("down")
        pane = _pane(app)
        await _until(pilot, lambda: "needle here" in pane.lines, "the log")
        await pilot.press("slash", *"LINE 7", "enter")
        await _until(pilot, lambda: pane.match_words == "11 of 11", "all: 7, and 70 to 79")
        await pilot.press("N")
        await _until(pilot, lambda: pane.match_words == "10 of 11", "the one before")
        await pilot.press("n", "n")
        await _until(pilot, lambda: pane.match_words == "1 of 11", "the first after the last")
        place = pane.lines.index("line 7")
        await _until(pilot, lambda: 0 <= place - pane.scroll_offset.y < pane.size.height, "its line in sight")
        await pilot.press("slash", "escape")
        await _until(pilot, lambda: pane.match_words == "" and pane.is_following, "the end of the search")


@pytest.mark.anyio
async def test_a_restart_gives_the_role_another_process(launcher: Launcher) -> None:
    app = StackApp(launcher.control())
    async with app.run_test(size=(120, 30)) as pilot:
        before = app.status.roles[0].pid
        await pilot.press("r")
        await _until(pilot, lambda: app.status.roles[0].restarts == 1, "a restart")
        await _until(pilot, lambda: app.status.roles[0].state == "ready", "readiness")
        assert app.status.roles[0].pid not in (before, None)
        await _until(pilot, lambda: _pane(app).lines == ["serving", "serving"], "what it says now")


@pytest.mark.anyio
async def test_the_mouse_chooses_a_role(watched: Launcher) -> None:
    app = StackApp(watched.control())
    async with app.run_test(size=(120, 30)) as pilot:
        await _until(pilot, lambda: _pane(app).lines == ["serving"], "the first log")
        await pilot.click(RolesTable, offset=(5, 2))
        await _until(pilot, lambda: "needle here" in _pane(app).lines, "the log of the role that was clicked")


@pytest.mark.anyio
async def test_the_page_of_a_role_is_opened(watched: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    app = StackApp(watched.control())
    monkeypatch.setattr(app, "open_url", opened.append)
    async with app.run_test(size=(120, 30)) as pilot:
        await _until(pilot, lambda: _pane(app).lines == ["serving"], "the first role's log")
        await pilot.press("o")
        await _until(pilot, lambda: opened == ["http://127.0.0.1:9/"], "its page")
        await pilot.press("down")
        await _until(pilot, lambda: "needle here" in _pane(app).lines, "the other role's log")
        await pilot.press("o")
        await _until(pilot, lambda: any("no url" in each.message for each in app._notifications), "its refusal")
        assert opened == ["http://127.0.0.1:9/"]


@pytest.mark.anyio
async def test_leaving_an_attached_view_leaves_the_stack(watched: Launcher) -> None:
    app = StackApp(watched.control())
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("q")
    assert watched.process.poll() is None
    assert watched.control().status().state == "up"


@pytest.mark.anyio
async def test_stopping_asks_first(launcher: Launcher) -> None:
    app = StackApp(launcher.control())
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.press("s")
        await _until(pilot, lambda: app.screen.query("Label"), "the question")
        await pilot.press("escape")
        await _until(pilot, lambda: not app.screen.query("Label"), "the question gone")
        assert app.status.state == "up"
        await pilot.press("s")
        await _until(pilot, lambda: app.screen.query("Label"), "the question again")
        await pilot.press("y")
        await asyncio.to_thread(launcher.process.wait, DEADLINE_S)
        await _until(pilot, lambda: "s has ended: stopped by" in _title(app), "the end")
    assert launcher.process.returncode == 0


@pytest.mark.anyio
async def test_a_failure_stays_to_be_read(tmp_path: Path, run_dirs: dict[str, str]) -> None:
    (tmp_path / "stack.yaml").write_text(
        "stack: s\nroles:\n  ok: {command: sleep 600}\n"
        "  bad: {command: [sh, -c, 'while ! test -e go; do sleep 0.05; done; echo last words; exit 7']}\n"
    )
    launcher = Launcher(tmp_path, run_dirs)
    try:
        app = StackApp(launcher.control())
        async with app.run_test(size=(120, 30)) as pilot:
            await pilot.press("down")
            (tmp_path / "go").touch()
            await _until(pilot, lambda: re.search(r"s has ended: bad ended after .* exit code 7", _title(app)), "why")
            await _until(pilot, lambda: _pane(app).lines == ["last words"], "its last words")
            await _until(pilot, lambda: re.search(r"✗ bad +failed .*exit code 7", _rows(app)[1]), "its row")
    finally:
        launcher.end()


def test_up_tui_starts_and_stops_with_the_view(tmp_path: Path, on_terminal: Start) -> None:
    (tmp_path / "stack.yaml").write_text(STACK)
    terminal = on_terminal("up", "--tui", columns=100, lines=30)
    terminal.wait_for_text("s · 2 of 2 ready")
    terminal.wait_for_text("│ serving")
    terminal.type("q")
    terminal.wait_for_text("Stop s and its 2 roles?")
    terminal.type("y")
    assert terminal.wait_for_end() == 0
    assert "nothing of the stack is left" in terminal.text


def test_up_tui_ends_with_the_failed_role_s_code(tmp_path: Path, on_terminal: Start) -> None:
    (tmp_path / "stack.yaml").write_text("stack: s\nroles: {bad: {command: [sh, -c, 'sleep 1; exit 7']}}\n")
    terminal = on_terminal("up", "--tui", columns=100, lines=30)
    terminal.wait_for_text("s has ended: bad ended after")
    terminal.type("q")
    assert terminal.wait_for_end() == 7
    assert re.search(r"bad ended after .*: exit code 7", terminal.text)


def test_a_killed_view_takes_its_stack_along(tmp_path: Path, on_terminal: Start, run_dirs: dict[str, str]) -> None:
    (tmp_path / "stack.yaml").write_text(STACK)
    terminal = on_terminal("up", "--tui")
    terminal.wait_for_text("s · 2 of 2 ready")
    (run,) = find_runs(run_dirs).running
    launcher = os.pidfd_open(run.launcher_pid)
    terminal.process.kill()
    terminal.wait_for(lambda: not os.path.exists(f"/proc/{run.supervisor_pid}"), "the supervisor's end")
    assert find_runs(run_dirs).running == ()
    os.close(launcher)


def test_attaching_and_leaving(tmp_path: Path, on_terminal: Start, launcher: Launcher) -> None:
    launcher.control().close()
    terminal = on_terminal("tui")
    terminal.wait_for_text("s · 2 of 2 ready")
    terminal.type("q")
    assert terminal.wait_for_end() == 0
    assert launcher.process.poll() is None


@pytest.mark.parametrize("words", [("tui",), ("up", "--tui")])
def test_without_a_terminal_one_sentence_says_so(
    tmp_path: Path, run_dirs: dict[str, str], words: tuple[str, ...]
) -> None:
    (tmp_path / "stack.yaml").write_text(STACK)
    done = subprocess.run(
        [XRSTACK, *words], cwd=tmp_path, env={**os.environ, **run_dirs}, capture_output=True, text=True, timeout=20,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 5
    assert done.stderr.count("\n") == 1
    assert "needs a terminal" in done.stderr


def test_without_textual_one_sentence_says_how_to_get_it(tmp_path: Path, on_terminal: Start) -> None:
    (tmp_path / "stack.yaml").write_text(STACK)
    hide = "import sys; sys.modules['textual'] = None; from xr_ai_launcher.cli import main; sys.exit(main())"
    terminal = on_terminal("-c", hide, "up", "--tui", program=sys.executable)
    assert terminal.wait_for_end() == 5
    assert "needs Textual: pip install 'xr-ai-launcher[tui]'" in terminal.text
