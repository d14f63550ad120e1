"""Nothing outlives the stack: not what ignores signals, leaves its group, or loses its launcher."""

import itertools
import os
import re
import signal
from pathlib import Path

import pytest

from xr_ai_launcher.testing import wait_for

GRACE_S = 0.5

OWN = ("guardian", "witness", "supervisor")
HOSTILE = ["grandchild", "setsid", "daemon", "nameless"]
PROCESSES = 2 + 2 * len(HOSTILE)


@pytest.fixture
def hostile(start, role):
    """A stack of everything that other launchers leave behind."""
    roles = [
        role("stubborn-1", "stubborn", stop_grace_s=GRACE_S),
        role("stubborn-2", "stubborn", stop_grace_s=GRACE_S),
        *(role(kind, "parent", kind, stop_grace_s=GRACE_S) for kind in HOSTILE),
    ]
    stack = start(*roles)
    stack.wait_for_words("│ stubborn", times=2 + len(HOSTILE))
    # Those in the middle, which a daemon forks to leave its parent, may end after the daemon has spoken.
    wait_for(lambda: len(stack.family()) == PROCESSES, f"a family of {PROCESSES}")
    return stack


def test_stop_of_hostile_roles_leaves_nothing(hostile):
    family = hostile.family()
    hostile.process.terminate()
    assert hostile.wait() == 143
    assert hostile.role_processes() == []
    assert [pid for pid in family if os.path.exists(f"/proc/{pid}")] == []
    assert "killed, since the stop signal was not enough: stubborn-1, stubborn-2, grandchild, setsid" in hostile.stderr


@pytest.mark.parametrize(
    "victims",
    [{"guardian"}, {"witness"}, {"supervisor"}, *({a, b} for a, b in itertools.combinations(OWN, 2))],
    ids=lambda victims: " and ".join(sorted(victims)),
)
def test_killed_launcher_leaves_nothing(hostile, victims):
    family = hostile.family()
    pids = {"guardian": hostile.process.pid, "witness": hostile.witness, "supervisor": hostile.supervisor}
    for signum in (signal.SIGSTOP, signal.SIGKILL):  # stopped first, so that none sees another's end before its own
        for victim in victims:
            os.kill(pids[victim], signum)
    wait_for(lambda: not any(map(is_there, family)), "no process of the stack is left")
    assert hostile.wait() == (-signal.SIGKILL if "guardian" in victims else 128 + signal.SIGKILL)
    wait_for(lambda: not hostile.own_processes(), "no process of the launcher is left")
    wait_for(lambda: not list(hostile.folder.glob("xrstack/*")), "the run's folder is gone")


def test_killing_the_launchers_whole_group_leaves_nothing(hostile):
    family = hostile.family()
    os.killpg(hostile.process.pid, signal.SIGKILL)
    wait_for(lambda: not any(map(is_there, family)), "nothing is left")


def test_launcher_killed_by_name_leaves_nothing(hostile):
    """``pkill -9 -f`` with the launcher's command line must not hit both of its processes."""
    family = hostile.family()
    named = [pid for pid in hostile.own_processes() if b"launch.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    for pid in named:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(map(is_there, family)), "nothing is left")


def is_there(pid):
    return os.path.exists(f"/proc/{pid}")


def test_second_interrupt_does_not_wait_for_the_grace(start, role):
    stack = start(role("stubborn", "stubborn", stop_grace_s=300), role("setsid", "parent", "setsid", stop_grace_s=300))
    stack.wait_for_words("│ stubborn", times=2)
    stack.process.send_signal(signal.SIGINT)
    stack.wait_for_words("stopped by Ctrl-C")
    stack.process.send_signal(signal.SIGINT)
    assert stack.wait() == 130
    assert stack.role_processes() == []


def test_grace_is_each_roles_own(start, role):
    """W23: one shared deadline let the second stuck process live."""
    stack = start(role("quick", "stubborn", stop_grace_s=0.2), role("slow", "stubborn", stop_grace_s=2.0))
    stack.wait_for_words("│ stubborn", times=2)
    stack.process.terminate()
    assert stack.wait() == 143
    assert re.findall(r"not enough: (.*)", stack.stderr) == ["quick", "slow"]


def test_stopped_process_is_woken_to_stop(start, role):
    stack = start(role("frozen", "mourner", "frozen", "book", stop_grace_s=60))
    stack.wait_for_words("prepared")
    os.kill(stack.role_processes()[0], signal.SIGSTOP)
    stack.process.terminate()
    assert stack.wait() == 143
    assert "not enough" not in stack.stderr


def test_roles_stop_in_reverse_order(start, role, tmp_path):
    book = tmp_path / "book"
    stack = start(
        role("base", "mourner", "base", book),
        role("middle", "mourner", "middle", book, after=("base",)),
        role("top", "mourner", "top", book, after=("middle",)),
    )
    for name in ("base", "middle", "top"):
        stack.wait_for_words(f"{name.ljust(7)} │ prepared")
    stack.process.terminate()
    assert stack.wait() == 143
    assert book.read_text().splitlines() == [
        "top asked", "top gone", "middle asked", "middle gone", "base asked", "base gone",
    ]  # fmt: skip


def test_stop_signal_is_the_roles_own(start, role):
    stack = start(role("hupped", "ends", 0, "/nonexistent", stop_signal=signal.SIGUSR1))
    stack.wait_for_words("line 20")
    stack.process.terminate()
    assert stack.wait() == 143


def test_pipe_held_open_by_a_stray_does_not_delay_the_end(start, role, tmp_path):
    """honcho waits for the end of the pipe, which a grandchild keeps open: it hangs."""
    go = tmp_path / "go"
    stack = start(role("holder", "parent", "setsid", stop_grace_s=0.2), role("bad", "ends", 7, go))
    stack.wait_for_words("│ stubborn")
    go.touch()
    assert stack.wait() == 7
    assert stack.role_processes() == []
