"""How a run ends: the exit code, and what is said about it."""

import os
import signal
from pathlib import Path

import pytest

from xr_ai_launcher.testing import wait_for


def test_exit_code_of_the_failed_role_is_the_launchers(start, role):
    stack = start(role("bad", "ends", 7), role("good", "mourner", "good", "book"))
    assert stack.wait() == 7
    assert "bad ended after" in stack.stderr
    assert "exit code 7" in stack.stderr
    assert stack.role_processes() == []


def test_last_lines_of_the_failed_role_are_shown_and_its_log_named(start, role):
    stack = start(role("bad", "ends", 7))
    stack.wait()
    ending = stack.stderr.split("its last lines:")[1]
    assert "line 20" in ending
    assert "line 6\n" in ending
    assert "line 5\n" not in ending
    assert "bad.log" in ending


def test_role_that_ends_with_0_unasked_fails_the_stack(start, role):
    stack = start(role("done", "ends", 0), role("other", "mourner", "other", "book"))
    assert stack.wait() == 1
    assert "done ended" in stack.stderr
    assert "exit code 0" in stack.stderr


def test_killed_role_is_named_with_its_signal(start, role):
    stack = start(role("victim", "mourner", "v", "book"), role("other", "mourner", "o", "book"))
    stack.wait_for_words("victim  │ prepared")
    victim = next(pid for pid in stack.role_processes() if b"\0v\0" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(victim, signal.SIGKILL)
    assert stack.wait() == 128 + signal.SIGKILL
    assert "victim ended" in stack.stderr
    assert "killed by SIGKILL (9)" in stack.stderr


def test_first_failure_wins_over_the_siblings_that_are_stopped(start, role, tmp_path):
    """process-compose gives 255 here: the siblings' own exits overwrite the code."""
    go = tmp_path / "go"
    stack = start(role("bad", "ends", 7, go), *(role(f"r{i}", "ends", 9, tmp_path / "never") for i in range(8)))
    stack.wait_for_words("line 20", times=9)
    go.touch()
    assert stack.wait() == 7


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signal_stops_everything(start, role, signum, code):
    stack = start(role("a", "mourner", "a", "book"), role("b", "mourner", "b", "book"))
    stack.wait_for_words("2 roles ready")
    stack.process.send_signal(signum)
    assert stack.wait() == code
    assert stack.role_processes() == []
    assert stack.own_processes() == []


def test_signal_while_roles_are_starting(start, role):
    """W24: SIGTERM during start left children behind."""
    from xr_ai_launcher._stack.plan import NotifyProbe

    stack = start(role("never", "stubborn", ready=NotifyProbe(), stop_grace_s=0.2), role("b", "mourner", "b", "book"))
    stack.wait_for_words("stubborn")
    stack.process.send_signal(signal.SIGTERM)
    assert stack.wait() == 143
    assert stack.role_processes() == []


def test_signal_at_the_very_first_moment(start, role):
    stack = start(*(role(f"r{i}", "stubborn", stop_grace_s=0.2) for i in range(10)))
    wait_for(lambda: len(stack.own_processes()) == 3, "the supervisor is forked")
    stack.process.send_signal(signal.SIGTERM)
    assert stack.wait() == 143
    assert stack.role_processes() == []


def test_nohup_is_respected(start, role):
    stack = start(role("a", "mourner", "a", "book"), preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    stack.wait_for_words("1 role ready")
    stack.process.send_signal(signal.SIGHUP)
    stack.process.send_signal(signal.SIGTERM)
    assert stack.wait() == 143


def test_missing_program_is_one_sentence_and_exit_5(start, role):
    from dataclasses import replace

    stack = start(replace(role("lost", "ends"), argv=("no-such-program",)), role("b", "stubborn", stop_grace_s=0.1))
    assert stack.wait() == 5
    assert "lost cannot be started: there is no program no-such-program" in stack.stderr
    assert "Traceback" not in stack.stderr
    assert stack.role_processes() == []


def test_missing_folder_is_named(start, role, tmp_path):
    stack = start(role("lost", "ends", 0, cwd=str(tmp_path / "nowhere")))
    assert stack.wait() == 5
    assert f"its folder {tmp_path / 'nowhere'} cannot be entered" in stack.stderr


def test_script_without_interpreter_is_explained(start, role, tmp_path):
    from dataclasses import replace

    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    stack = start(replace(role("lost", "ends"), argv=(str(script),)))
    assert stack.wait() == 5
    assert "names an interpreter in its first line that does not exist" in stack.stderr
