"""``on_exit: restart`` and ``ignore``."""

import itertools
import os

from xr_ai_launcher._stack.plan import LogProbe, RestartPlan

QUICK = RestartPlan(backoff_s=0.1, backoff_max_s=0.3, limit=3, window_s=60)


def lives(book):
    return [float(line) for line in book.read_text().splitlines()]


def test_role_comes_back_with_growing_pauses_and_nothing_of_its_old_lives(start, role, tmp_path):
    book = tmp_path / "book"
    stack = start(
        role("r", "relapse", book, 3, on_exit="restart", restart=QUICK, ready=LogProbe("life"), stop_grace_s=0.2),
        role("other", "say", "hello"),
    )
    stack.wait_for_words("r       │ life 4")
    starts = lives(book)
    pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert pauses[0] >= 0.1
    assert pauses[1] >= 0.2
    assert pauses[2] >= 0.3
    assert "exit code 3; starting it again in 0.20 s" in stack.stderr
    stack.wait_for_words("│ stubborn", times=1)
    assert len([pid for pid in stack.role_processes() if _name(pid) == "r"]) == 2  # its newest life and child
    stack.process.terminate()
    assert stack.wait() == 143
    assert stack.role_processes() == []


def _name(pid):
    from xr_ai_launcher._run.linux import environment_value

    return environment_value(pid, "XR_ROLE")


def test_crash_loop_ends_the_stack_with_the_roles_code(start, role, tmp_path):
    stack = start(role("r", "relapse", tmp_path / "book", 99, on_exit="restart", restart=QUICK))
    assert stack.wait() == 3
    assert len(lives(tmp_path / "book")) == 1 + QUICK.limit
    assert "r ended 4 times within 1 min 0 s (at most 3 restarts): exit code 3" in stack.stderr
    assert stack.role_processes() == []


def test_stop_while_a_role_pauses(start, role, tmp_path):
    pause = RestartPlan(backoff_s=300, backoff_max_s=300)
    stack = start(role("r", "relapse", tmp_path / "book", 99, on_exit="restart", restart=pause, stop_grace_s=0.2))
    stack.wait_for_words("starting it again in 5 min 0 s")
    stack.process.terminate()
    assert stack.wait() == 143
    assert len(lives(tmp_path / "book")) == 1
    assert stack.role_processes() == []


def test_ignored_exit_leaves_the_others_running(start, role):
    stack = start(role("once", "ends", 3, on_exit="ignore"), role("stays", "say", "hello"))
    stack.wait_for_words("once ended after")
    stack.wait_for_words("2 roles ready in")
    assert stack.process.poll() is None
    stack.process.terminate()
    assert stack.wait() == 143


def test_stack_of_tasks_ends_when_all_have_ended(start, role):
    stack = start(
        role("first", "ends", 0, on_exit="ignore", ready=LogProbe("never said")),
        role("second", "ends", 0, on_exit="ignore", after=("first",)),
    )
    assert stack.wait() == 0
    assert "every role has ended" in stack.stderr
    assert b"line 20" in stack.log("second")


def test_child_of_an_ignored_role_is_stopped_with_the_stack(start, role, tmp_path):
    go = tmp_path / "go"
    stack = start(
        role("leaves", "relapse", tmp_path / "book", 99, on_exit="ignore", stop_grace_s=0.2),
        role("bad", "ends", 7, go),
    )
    stack.wait_for_words("leaves  │ stubborn")
    stack.wait_for_words("leaves ended after")
    assert os.path.exists(f"/proc/{stack.role_processes()[0]}")
    go.touch()
    assert stack.wait() == 7
    assert stack.role_processes() == []
