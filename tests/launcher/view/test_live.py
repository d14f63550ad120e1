"""``xrstack up`` as a person sees it: on a terminal, whose screen is read."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

XRSTACK = Path(sys.executable).parent / "xrstack"
Start = Callable[..., Any]
TITLE = re.compile(r"── \S+ · \d+ of \d+ ready")

THREE = """\
stack: three
roles:
  web:
    command: [sh, -c, 'echo serving; exec sleep 600']
    ports: {{http: {port}}}
    url: http://127.0.0.1:{port}/
  slow: {{command: [sh, -c, 'sleep 0.5; echo up; exec sleep 600'], ready: {{log: up}}}}
  late: {{command: sleep 600, after: [slow]}}
"""


def _write(folder: Path, stack: str) -> None:
    (folder / "stack.yaml").write_text(stack)


@pytest.fixture
def three(tmp_path: Path, free_port: int) -> None:
    _write(tmp_path, THREE.format(port=free_port))


@pytest.mark.usefixtures("three")
def test_the_table_stands_below_the_lines_and_follows_the_roles(on_terminal: Start) -> None:
    terminal = on_terminal("up")
    terminal.wait_for_text("three · 3 of 3 ready")
    terminal.wait_for_text("│ serving")
    terminal.wait_for(lambda: re.search(r"● web +ready +<1 min +http://127.0.0.1:\d+/ .*MiB", terminal.text), "figures")
    rows = terminal.rows
    assert TITLE.search(rows[-5])
    assert [row.split()[1] for row in rows[-3:]] == ["web", "slow", "late"]
    assert any(re.fullmatch(r"web +│ serving", row) for row in rows[:-5])
    assert b"\x1b[32m" in terminal.received


def test_a_role_that_waits_is_shown_before_it_starts(tmp_path: Path, on_terminal: Start) -> None:
    slow = "while ! test -e go; do sleep 0.02; done; echo up; exec sleep 600"
    _write(
        tmp_path,
        "stack: s\nroles:\n"
        f"  slow: {{command: [sh, -c, '{slow}'], ready: {{log: up}}}}\n  late: {{command: sleep 600, after: [slow]}}\n",
    )
    terminal = on_terminal("up")
    terminal.wait_for(lambda: re.search(r"○ late +waiting", terminal.text), "a waiting role")
    (tmp_path / "go").touch()
    terminal.wait_for_text("2 of 2 ready")


@pytest.mark.usefixtures("three")
def test_ctrl_c_gives_the_terminal_back(on_terminal: Start) -> None:
    terminal = on_terminal("up")
    terminal.wait_for_text("3 of 3 ready")
    assert terminal.is_cursor_hidden
    terminal.type("\x03")
    assert terminal.wait_for_end() == 130
    assert not TITLE.search(terminal.text)
    assert [row for row in terminal.rows if row][-1].endswith("nothing of the stack is left")
    assert not terminal.is_cursor_hidden


@pytest.mark.usefixtures("three")
def test_a_new_size_moves_the_table_at_once(on_terminal: Start) -> None:
    terminal = on_terminal("up", columns=100, lines=30)
    terminal.wait_for_text("3 of 3 ready")
    for columns, lines in ((80, 20), (132, 43), (60, 14)):
        terminal.resize(columns, lines)
        terminal.wait_for(lambda lines=lines: TITLE.search(terminal.rows[lines - 5]), f"the table at {columns}×{lines}")
        terminal.wait_for(lambda lines=lines: terminal.rows[lines - 1].startswith(" ● late"), "its last row")
        assert len(TITLE.findall(terminal.text)) == 1
    terminal.resize(60, 7)
    terminal.wait_for(lambda: not TITLE.search(terminal.text), "no table on a terminal that is too small")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("options", "variables"), [(["--plain"], {}), ([], {"TERM": "dumb"})], ids=["--plain", "TERM=dumb"]
)
def test_lines_only(on_terminal: Start, options: list[str], variables: dict[str, str]) -> None:
    terminal = on_terminal("up", *options, **variables)
    terminal.wait_for_text("3 roles ready in")
    terminal.type("\x03")
    terminal.wait_for_end()
    assert not re.search(rb"\x1b\[[?0-9;]*[rhlH]", terminal.received)


@pytest.mark.usefixtures("three")
def test_no_color_keeps_the_table_and_drops_the_colors(on_terminal: Start) -> None:
    terminal = on_terminal("up", NO_COLOR="1")
    terminal.wait_for_text("three · 3 of 3 ready")
    assert not re.search(rb"\x1b\[[0-9;]*m", terminal.received)


@pytest.mark.usefixtures("three")
def test_without_a_terminal_there_are_lines(tmp_path: Path, run_dirs: dict[str, str]) -> None:
    process = subprocess.Popen(
        [XRSTACK, "up"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, "TERM": "xterm-256color", **run_dirs},
    )  # fmt: skip
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "3 roles ready" in line:
            process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert not any("\x1b" in line for line in lines)


def test_a_restart_and_its_cause_are_in_the_table(tmp_path: Path, on_terminal: Start) -> None:
    _write(
        tmp_path,
        "stack: s\nroles:\n  ok: {command: sleep 600}\n"
        "  again: {command: [sh, -c, 'exit 9'], on_exit: restart, restart: {backoff: 2s}}\n",
    )
    terminal = on_terminal("up", columns=120)
    terminal.wait_for(lambda: re.search(r"↻ again +paused .*exit code 9", terminal.text), "a paused role")
    terminal.wait_for(lambda: re.search(r"again .* [1-9]  exit code 9", terminal.text), "a counted restart")


def test_what_a_role_says_of_itself_is_in_the_table_and_not_among_the_lines(tmp_path: Path, on_terminal: Start) -> None:
    toy = Path(__file__).parent.parent / "toys" / "notify.py"
    command = f"[{sys.executable}, {toy}, STATUS=loading weights 40 %, --wait, go, READY=1]"
    _write(tmp_path, f"stack: s\nroles:\n  model: {{command: {command}, ready: notify}}\n")
    terminal = on_terminal("up")
    terminal.wait_for(lambda: re.search(r"◐ model +starting +\d+ s .*loading weights 40 %", terminal.text), "its words")
    assert "model: loading" not in terminal.text
    (tmp_path / "go").touch()
    terminal.wait_for(lambda: re.search(r"● model +ready", terminal.text), "ready")
    terminal.wait_for(lambda: "loading weights" not in terminal.text, "words that are over gone")


def test_a_failure_stays_readable_when_the_table_is_gone(tmp_path: Path, on_terminal: Start) -> None:
    _write(
        tmp_path,
        "stack: s\nroles:\n"
        "  ok: {command: sleep 600}\n  bad: {command: [sh, -c, 'sleep 0.5; echo last words; exit 7']}\n",
    )
    terminal = on_terminal("up")
    assert terminal.wait_for_end() == 7
    assert not TITLE.search(terminal.text)
    assert re.search(r"xrstack │ bad ended after .*exit code 7", terminal.text)
    assert re.search(r"xrstack │ +last words", terminal.text)


def test_no_line_of_a_flood_is_lost_above_the_table(tmp_path: Path, on_terminal: Start) -> None:
    count = 15_000
    _write(
        tmp_path,
        f"stack: s\nroles:\n  ok: {{command: sleep 600}}\n  flood: {{command: [seq, '{count}'], on_exit: ignore}}\n",
    )
    terminal = on_terminal("up", columns=60, lines=20)
    terminal.wait_for(lambda: re.search(rf"flood +│ {count}$", terminal.text, re.MULTILINE), "the last line")
    terminal.wait_for(lambda: TITLE.search(terminal.text), "the table")
    lines = [*terminal.scrolled_away, *terminal.rows]
    numbers = [int(found[1]) for line in lines if (found := re.fullmatch(r"flood +│ (\d+)", line))]
    assert numbers == list(range(1, count + 1))


@pytest.mark.usefixtures("three")
def test_a_killed_supervisor_leaves_a_terminal_that_works(on_terminal: Start) -> None:
    terminal = on_terminal("up")
    terminal.wait_for_text("3 of 3 ready")
    os.kill(_supervisor_of(terminal), signal.SIGKILL)
    assert terminal.wait_for_end() == 137
    assert not terminal.is_cursor_hidden
    assert not TITLE.search(terminal.text)
    assert "killed by SIGKILL" in terminal.text


def test_fifty_idle_roles_and_their_table_hardly_wake_the_supervisor(tmp_path: Path, on_terminal: Start) -> None:
    """One that draws or asks again and again wakes some hundred times in five seconds."""
    roles = "".join(f"  r{number}: {{command: sleep 600}}\n" for number in range(50))
    _write(tmp_path, f"stack: s\nroles:\n{roles}")
    terminal = on_terminal("up", lines=40)
    terminal.wait_for(lambda: re.search(r"● r0 .* \d+ MiB", terminal.text), "the first figures")
    supervisor = _supervisor_of(terminal)
    before = _wake_ups(supervisor)
    terminal.watch(5.0)
    assert _wake_ups(supervisor) - before <= 10


def _supervisor_of(terminal: Any) -> int:
    """The child of the witness, which is the child of the process on the terminal."""
    (witness,) = _children(terminal.process.pid)
    (supervisor,) = _children(witness)
    return supervisor


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _wake_ups(pid: int) -> int:
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])  # type: ignore[index]
