"""The test kit tested as its users use it: by tests."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from xr_ai_launcher.testing import StackProject, free_port, marked_processes, variable_of, wait_for

pytest_plugins = ["pytester"]
Make = Callable[..., StackProject]
SERVER = """
    import http.server, sys
    print("serving", flush=True)
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def _web(port: int, **more: Any) -> dict[str, Any]:
    command = [sys.executable, "server.py", str(port)]
    return {"command": command, "ports": {"http": port}, "ready": {"tcp": "http"}, **more}


def _stack(**roles: Any) -> dict[str, Any]:
    return {"stack": "mine", "roles": roles}


def test_a_stack_is_used_once_it_is_ready(stack_project: Make) -> None:
    port = free_port()
    stack = stack_project({"stack.yaml": _stack(web=_web(port)), "server.py": SERVER}).up()
    stack.wait_ready()
    assert stack.exit_code is None
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stack.yaml", timeout=10) as page:
        assert b"mine" in page.read()
    assert stack.role("web").cmdline()[1:] == ["server.py", str(port)]
    assert stack.stop() == 128 + signal.SIGTERM
    assert stack.exit_code == 143
    assert stack.processes() == []


def test_a_role_can_be_killed_and_the_words_be_read(stack_project: Make) -> None:
    files = {
        "stack.yaml": """
            stack: mine
            roles:
              talker: {command: [sh, -c, "echo last words; sleep 600"]}
              other: {command: sleep 600}
        """
    }
    stack = stack_project(files).up()
    stack.wait_for_output("last words")
    stack.role("talker").kill()
    assert stack.wait() == 128 + signal.SIGKILL
    assert "talker ended" in stack.output
    assert "\x1b" not in stack.output
    with pytest.raises(AssertionError, match="no role talker runs"):
        stack.role("talker")


def test_a_role_is_its_leader_not_what_that_started(stack_project: Make) -> None:
    stack = stack_project({"stack.yaml": _stack(a={"command": ["sh", "-c", "sleep 600 & echo up; wait"]})}).up()
    stack.wait_for_output("up")
    assert stack.role("a").name() == "sh"


def test_a_role_that_is_not_there_is_said_also_while_processes_end(
    stack_project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = stack_project({"stack.yaml": _stack(a={"command": "sleep 600"})}).up()
    with subprocess.Popen(["sleep", "600"]) as process:
        ended = psutil.Process(process.pid)
        process.kill()
    monkeypatch.setattr(stack, "processes", lambda: [ended])
    with pytest.raises(AssertionError, match="no role a runs"):
        stack.role("a")
    monkeypatch.undo()


def test_a_free_port_is_kept_for_a_server() -> None:
    """Whoever takes any port is not given it: the system refuses it even to one who asks for it, but does not reuse."""
    port = free_port()
    with socket.socket() as somebody, pytest.raises(OSError, match="in use"):
        somebody.bind(("127.0.0.1", port))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    socket.create_server(("127.0.0.1", port)).close()


def test_waiting_for_what_does_not_come_fails_with_the_output(stack_project: Make) -> None:
    never = {"command": ["sh", "-c", "echo hello; sleep 600"], "ready": {"log": "never"}}
    stack = stack_project({"stack.yaml": _stack(a=never)}).up()
    stack.wait_for_output("hello")
    with pytest.raises(AssertionError, match=r"not ready within 0\.1 s:\n(.|\n)*hello"):
        stack.wait_ready(within_s=0.1)
    with pytest.raises(AssertionError, match=r"never printed: 'bye'\n(.|\n)*hello"):
        stack.wait_for_output("bye", within_s=0.1)
    with pytest.raises(AssertionError, match=r"did not end within 0\.1 s"):
        stack.wait(within_s=0.1)


def test_an_end_before_readiness_fails_the_wait_with_the_code(stack_project: Make) -> None:
    stack = stack_project({"stack.yaml": _stack(a={"command": ["sh", "-c", "exit 9"], "ready": {"log": "never"}})}).up()
    with pytest.raises(AssertionError, match="the stack ended with 9 before it was ready"):
        stack.wait_ready()
    assert stack.exit_code == 9


def test_options_and_environment_reach_the_launcher(stack_project: Make) -> None:
    files = {"stack.yaml": {**_stack(a={"command": ["sh", "-c", "exit $CODE"]}), "profiles": {"p": {}}}}
    project = stack_project(files)
    stack = project.up("--profile p", env={"CODE": "5"})
    assert stack.wait() == 5
    assert "profile p: chosen by --profile" in stack.output
    assert project.check("--profile q").returncode == 2


def test_what_a_test_leaves_running_is_gone_after_it(pytester: pytest.Pytester) -> None:
    """Run a whole pytest, with the plugin as it is installed, on a test that forgets everything."""
    pytester.makepyfile(
        """
        def test_forgetful(stack_project):
            stubborn = ["sh", "-c", "trap '' TERM; echo $$; setsid sleep 600 & wait"]
            stack = stack_project({"stack.yaml": {"stack": "s", "roles": {"a": {
                "command": stubborn, "stop": {"grace": "200ms"}}}}}).up()
            stack.wait_ready()
            with open("pids", "w") as file:
                file.write(" ".join(str(process.pid) for process in stack.processes()))
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    pids = [int(pid) for pid in (pytester.path / "pids").read_text().split()]
    assert len(pids) >= 3
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_waiting_returns_the_first_true_result_and_says_what_it_waited_for() -> None:
    results = iter([0, "", "ready"])
    assert wait_for(lambda: next(results), "the third look") == "ready"
    with pytest.raises(AssertionError, match=r"not within 0\.05 s: a miracle"):
        wait_for(lambda: False, "a miracle", within_s=0.05)


def test_processes_are_found_by_all_their_marks_until_they_end() -> None:
    mark = uuid.uuid4().hex
    environment = {**os.environ, "XR_MARK": mark, "XR_OTHER": "a=b"}
    with subprocess.Popen(["sleep", "600"], env=environment) as process:
        assert wait_for(lambda: marked_processes(f"XR_MARK={mark}", "XR_OTHER=a=b")) == [process.pid]
        assert marked_processes(f"XR_MARK={mark}", "XR_OTHER=a") == []
        assert marked_processes(f"XR_MARK={mark[:-1]}") == []
        assert variable_of(process.pid, "XR_OTHER") == "a=b"
        assert variable_of(process.pid, "OTHER") is None
        process.kill()
        wait_for(lambda: not marked_processes(f"XR_MARK={mark}"), "nothing is found of a zombie")
        assert process.returncode is None
