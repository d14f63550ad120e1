"""The guardian as such: codes, signals, and a caller that has children of its own."""

import os
import pickle
import subprocess
import sys
import textwrap

import pytest


@pytest.fixture
def run_script(tmp_path):
    def run(body, **popen):
        script = tmp_path / "script.py"
        script.write_text("from xr_ai_launcher._run.guard import run_guarded\n" + textwrap.dedent(body))
        return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=30, **popen)

    return run


def test_code_of_the_work_is_returned(run_script):
    result = run_script("print('before')\nprint(run_guarded(lambda lifeline: 42, title='toy'))")
    assert result.stdout == "before\n42\n"


def test_exception_in_the_work_is_a_bug_of_ours(run_script):
    result = run_script("print(run_guarded(lambda lifeline: 1 // 0, title='toy'))")
    assert result.stdout == "3\n"
    assert "ZeroDivisionError" in result.stderr


def test_exit_handlers_of_the_caller_run_once(run_script):
    result = run_script("""
        import atexit
        atexit.register(print, "bye")
        run_guarded(lambda lifeline: 0, title="toy")
    """)
    assert result.stdout == "bye\n"


def test_children_of_the_caller_are_left_alone(run_script):
    result = run_script("""
        import os, signal, subprocess
        own = subprocess.Popen(["sleep", "600"], start_new_session=True)
        print(run_guarded(lambda lifeline: os.kill(os.getpid(), signal.SIGKILL), title="toy"))
        print(own.poll())
        own.kill()
    """)
    assert result.stdout == "-9\nNone\n"


def test_handlers_and_mask_of_the_caller_are_restored(run_script):
    result = run_script("""
        import signal
        signal.signal(signal.SIGTERM, print)
        before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        run_guarded(lambda lifeline: 0, title="toy")
        print(before == [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)])
        print(signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.set_wakeup_fd(-1))
    """)
    assert result.stdout == "True\nset() -1\n"


def test_works_outside_the_main_thread_too(run_script):
    result = run_script("""
        import threading
        thread = threading.Thread(target=lambda: print(run_guarded(lambda lifeline: 5, title="toy")))
        thread.start()
        thread.join()
    """)
    assert result.stdout == "5\n"


def test_works_with_closed_standard_files(run_script, tmp_path):

    out = tmp_path / "out"
    result = run_script(
        f"open({str(out)!r}, 'w').write(str(run_guarded(lambda lifeline: 6, title='toy')))",
        preexec_fn=lambda: os.close(0),
    )
    assert result.returncode == 0
    assert out.read_text() == "6"


def test_stack_inside_a_stack_ends_with_it(start, role, tmp_path):
    from dataclasses import replace
    from pathlib import Path

    from xr_ai_launcher._stack.plan import StackPlan

    inner_plan = StackPlan("inner", __file__, (role("deep", "stubborn", stop_grace_s=0.2),))
    (tmp_path / "inner").write_bytes(pickle.dumps(inner_plan))
    launch = Path(__file__).parent.parent / "toys" / "launch.py"
    outer = replace(role("outer", "say"), argv=(sys.executable, str(launch), str(tmp_path / "inner")))
    stack = start(outer)
    stack.wait_for_words("stubborn")
    family = stack.family()
    stack.process.terminate()
    assert stack.wait() == 143
    from xr_ai_launcher._run.linux import process_info

    assert [pid for pid in family if process_info(pid)] == []
