"""``watchdog``: a role that gives no sign of life has failed, and systemd's other words on time."""

import json
import re
import sys
import textwrap

import pytest

from xr_ai_launcher._stack.plan import NotifyProbe, RestartPlan
from xr_ai_launcher.testing import wait_for

ABORTED = 128 + 6
QUICK = RestartPlan(backoff_s=0.05, backoff_max_s=0.1, limit=3, window_s=60)


@pytest.fixture
def beating(role, tmp_path):
    """Make a role that gives signs of life until the file ``hang-LIFE`` is there."""

    def make(*messages, watchdog_s=1.0, **fields):
        argv = ("beats", tmp_path / "lives", tmp_path / "hang", *messages)
        return role("web", *argv, ready=NotifyProbe(), watchdog_s=watchdog_s, **fields)

    return make


def test_a_role_that_hangs_fails_the_stack_and_says_where(start, role, beating, tmp_path):
    stack = start(beating(), role("other", "say", "hello"))
    stack.wait_for_words("2 roles ready")
    (tmp_path / "hang-1").touch()
    assert stack.wait() == ABORTED
    assert re.search(r"web gave its last sign of life \d+\.\d+ s ago \(watchdog: 1\.00 s\); ending it", stack.stderr)
    assert "in hang_here" in stack.stderr.split("its last lines:")[1]
    assert "it is to send WATCHDOG=1 to its NOTIFY_SOCKET at least every 1.00 s" in stack.stderr
    assert stack.role_processes() == []


def test_a_role_that_hangs_is_started_again(start, beating, tmp_path):
    stack = start(beating(on_exit="restart", restart=QUICK))
    for life in (1, 2):
        stack.wait_for_words(f"│ life {life}\n")
        (tmp_path / f"hang-{life}").touch()
    stack.wait_for_words("│ life 3\n")
    assert stack.stderr.count("(watchdog: 1.00 s); ending it") >= 2
    assert "killed by SIGABRT (6); starting it again in 0.05 s" in stack.stderr
    stack.wait_for_words("web is ready after", times=3)
    wait_for(lambda: len(stack.role_processes()) == 1, "only the newest life")
    stack.process.terminate()
    assert stack.wait() == 143


def test_what_does_not_even_abort_is_killed(start, beating, tmp_path):
    stack = start(beating("deaf", on_exit="restart", restart=QUICK, stop_grace_s=0.2))
    stack.wait_for_words("1 role ready")
    (tmp_path / "hang-1").touch()
    stack.wait_for_words("│ life 2\n")
    assert "killed by SIGKILL (9); starting it again" in stack.stderr


def test_what_does_not_even_abort_fails_the_stack_all_the_same(start, beating, tmp_path):
    stack = start(beating("deaf", stop_grace_s=0.2))
    stack.wait_for_words("1 role ready")
    (tmp_path / "hang-1").touch()
    assert stack.wait() == ABORTED
    assert stack.role_processes() == []


def test_an_ignored_role_that_hangs_is_ended_alone(start, role, beating, tmp_path):
    stack = start(beating(on_exit="ignore"), role("other", "say", "hello"))
    stack.wait_for_words("2 roles ready")
    (tmp_path / "hang-1").touch()
    stack.wait_for_words("killed by SIGABRT (6) (on_exit: ignore)")
    assert stack.process.poll() is None


def test_a_program_that_knows_nothing_of_it_is_explained(start, beating):
    stack = start(beating("mute", watchdog_s=0.3))
    assert stack.wait() == ABORTED
    assert "web gave no sign of life for" in stack.stderr
    assert "(a program behind a wrapper such as `uv run` is not the process that WATCHDOG_PID names)" in stack.stderr


def test_a_role_may_say_itself_that_it_hangs(start, beating, tmp_path):
    stack = start(beating("WATCHDOG=trigger", watchdog_s=300))
    stack.wait_for_words("1 role ready")
    (tmp_path / "hang-1").touch()
    assert stack.wait() == ABORTED
    assert "web says itself that it hangs (WATCHDOG=trigger)" in stack.stderr


def test_a_role_may_change_its_pace(start, beating, tmp_path):
    stack = start(beating("WATCHDOG_USEC=200000", watchdog_s=300))
    stack.wait_for_words("1 role ready")
    (tmp_path / "hang-1").touch()
    assert stack.wait() == ABORTED
    assert "(watchdog: 0.20 s)" in stack.stderr


def test_nothing_is_expected_before_it_is_ready(start, role):
    argv = ("--pause", 0.6, "READY=1\nWATCHDOG_USEC=0")
    stack = start(role("slow", "notify", *argv, ready=NotifyProbe(), watchdog_s=0.3), role("other", "say", "hello"))
    stack.wait_for_words("2 roles ready")
    assert "sign of life" not in stack.stderr


def test_it_knows_its_pace_and_that_it_is_meant(start, role):
    stack = start(role("me", "inspect_self", watchdog_s=20))
    facts = json.loads(wait_for(lambda: stack.log("me") if b"\n" in stack.log("me") else None, "the facts"))
    assert facts["environment"]["WATCHDOG_USEC"] == "20000000"
    assert facts["environment"]["WATCHDOG_PID"] == str(facts["pid"])
    assert facts["session"] == facts["pid"]


def test_a_missing_program_is_still_one_sentence(start, role):
    from dataclasses import replace

    stack = start(replace(role("lost", "ends", watchdog_s=1), argv=("/no/such/program",)))
    assert stack.wait() == 5
    assert "lost cannot be started: there is no program /no/such/program" in stack.stderr


def test_a_role_that_needs_longer_says_so(start, role):
    stack = start(
        role(
            "slow", "notify", "EXTEND_TIMEOUT_USEC=60000000", "--pause", 2.1, "READY=1",
            ready=NotifyProbe(), ready_timeout_s=2.0,
        )
    )  # fmt: skip
    stack.wait_for_words("slow is ready after")


def test_an_extension_has_an_end_and_never_shortens(start, role):
    argv = ("EXTEND_TIMEOUT_USEC=1000", "EXTEND_TIMEOUT_USEC=700000")
    stack = start(role("slow", "notify", *argv, ready=NotifyProbe(), ready_timeout_s=0.5))
    assert stack.wait() == 4
    assert "slow was not ready within" in stack.stderr


def test_programs_of_ours_give_signs_of_life_from_their_event_loop(start, role, tmp_path):
    from dataclasses import replace

    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent("""
        import asyncio, sys, time
        from pathlib import Path
        from pydantic import BaseModel
        from xr_ai_program import run_program

        class Config(BaseModel):
            pass

        async def serve(config, readiness):
            readiness.ready()
            while not Path("hang").exists():
                await asyncio.sleep(0.02)
            time.sleep(3600)

        sys.exit(run_program("program", Config, serve, description="hangs"))
    """)
    )
    ours = replace(
        role("ours", "say", ready=NotifyProbe(), watchdog_s=2.0), argv=(sys.executable, str(script)), stop_grace_s=0.2
    )
    stack = start(ours)
    stack.wait_for_words("1 role ready")
    (tmp_path / "hang").touch()
    assert stack.wait() == ABORTED
    assert "ours gave its last sign of life" in stack.stderr
