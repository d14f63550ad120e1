"""The stop of one role: done when nothing of it is left, and when its end is known."""

import os
import subprocess

import pytest

from xr_ai_launcher._run.linux import process_info
from xr_ai_launcher._run.loop import Loop
from xr_ai_launcher._run.members import RoleMark
from xr_ai_launcher._run.role import Role
from xr_ai_launcher._run.role_stop import RoleStop
from xr_ai_launcher._stack.plan import RolePlan
from xr_ai_launcher.testing import wait_for


@pytest.fixture
def loop():
    loop = Loop()
    yield loop
    loop.close()


def test_it_waits_for_the_leader_to_be_collected(loop, tmp_path):
    """A leader that has ended but is not collected is no member any more; a new life begun now would get its exit."""
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    role = Role(RolePlan("web", ("sleep", "600"), str(tmp_path)), None, is_alive=True)
    role.mark = RoleMark(str(tmp_path), "web", child.pid)
    loop.watch_child(child.pid, lambda code: setattr(role, "is_alive", False))
    done = []
    child.kill()
    wait_for(lambda: process_info(child.pid).is_zombie, "its end")
    stop = RoleStop(loop, role, lambda: None, lambda: done.append(role.is_alive))
    stop.begin()
    stop.reaped()
    assert done == []
    pid, status = os.waitpid(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    loop._children.pop(pid)(child.returncode)  # what `Loop.reap` does, without collecting children of other tests
    stop.reaped()
    assert done == [False]
    stop.reaped()
    assert done == [False]


def test_restarts_in_a_row_never_end_the_stack(start, role):
    """Each is a race between the old life's exit and the new life's start."""
    from xr_ai_launcher._control.client import Control

    stack = start(role("web", "say", "life"), role("other", "say", "hello"))
    stack.wait_for_words("2 roles ready")
    (runtime,) = stack.folder.glob("xrstack/toy-*")
    wait_for(lambda: (runtime / "control").exists(), "the socket")
    with Control(runtime) as control:
        lives = {control.restart("web").pid for _ in range(15)}
    assert len(lives) == 15
    assert stack.process.poll() is None
    assert "web ended" not in stack.stderr
