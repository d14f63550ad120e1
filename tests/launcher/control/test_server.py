"""The control socket of a running stack: what it answers, and that nobody can disturb the stack through it."""

import json
import os
import signal
import socket
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from xr_ai_launcher._control.errors import ConnectionLostError, RefusedError
from xr_ai_launcher._control.server import _CHATTER_PAUSE_S
from xr_ai_launcher.testing import wait_for

STACK = """\
    stack: toy
    roles:
      web:
        command: python -u -c "import time; print('hello', flush=True); time.sleep(600)"
        ready: {log: hello}
        description: says hello
      quiet: {command: sleep 600}
"""


@pytest.fixture(scope="module")
def shared_runtime(shared_project):
    shared_project.stack(STACK)
    return Path(shared_project.up().runtime)


@pytest.fixture
def project(shared_project, shared_runtime):
    return shared_project


@pytest.fixture
def runtime(shared_runtime):
    return shared_runtime


def connect(runtime):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(str(runtime / "control"))
    return connection


def answer(connection):
    with connection.makefile("rb") as file:
        return json.loads(file.readline())


def test_only_the_user_may_come_in(runtime):
    assert stat.S_IMODE((runtime / "control").stat().st_mode) == 0o600
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700


def test_status_says_what_there_is_to_know(project, runtime):
    with project.control() as control:
        status = control.status()
    assert (status.stack, status.state, status.runtime) == ("toy", "up", str(runtime))
    assert status.source == str(project.folder / "stack.yaml")
    assert os.path.exists(f"/proc/{status.launcher_pid}")
    web = status.role("web")
    assert (web.state, web.description, web.restarts, web.exit) == ("ready", "says hello", 0, None)
    assert web.since - web.started == pytest.approx(web.ready_after_s, abs=0.01)
    assert [web.pid] == project.role_processes("web")
    assert Path(web.log_path).read_text() == "hello\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "expected one JSON object"),
        (b'{"v": 7, "id": 1, "request": "down"}\n', "speaks version 1 of the control protocol, not 7"),
        (b"x" * 100_000, "expected a line of at most 65536 bytes"),
    ],
)
def test_what_is_not_understood_is_answered(project, runtime, text, words):
    with connect(runtime) as connection:
        connection.sendall(text)
        assert words in answer(connection)["error"]
    assert project.runs()[0].state == "up"


def test_half_lines_and_disconnects_leave_no_trace(project, runtime):
    supervisor = project.runs()[0].supervisor_pid
    before = len(os.listdir(f"/proc/{supervisor}/fd"))
    for text in (b"", b'{"v": 1, "id"', b'{"v": 1, "id": 1, "request": "subscribe"}\n', b"\n\n\n"):
        for _ in range(20):
            with connect(runtime) as connection:
                connection.sendall(text)
    with project.control() as control:
        control.status()
        wait_for(lambda: len(os.listdir(f"/proc/{supervisor}/fd")) <= before + 1, "all of them being closed")


def test_what_somebody_asked_for_is_done_though_they_did_not_wait_for_answers(fresh_project):
    fresh_project.stack(STACK)
    supervisor = fresh_project.up().supervisor_pid
    with fresh_project.control() as control:
        os.kill(supervisor, signal.SIGSTOP)  # so that all of it is there, and nobody to answer, when it looks
        control.send("subscribe")
        control.send("down")
    os.kill(supervisor, signal.SIGCONT)
    wait_for(lambda: not fresh_project.processes(), "the stack's end")


def test_client_that_asks_and_never_reads_is_dropped(project, runtime):
    # Answers to so many requests would fill the launcher's memory if it kept them all.
    with connect(runtime) as rude, pytest.raises((BrokenPipeError, ConnectionResetError)):
        rude.sendall(b'{"v": 1, "id": 1, "request": "status"}\n' * 500_000)
    assert project.runs()[0].state == "up"


def test_too_many_clients_are_told(project, runtime):
    crowd = [connect(runtime) for _ in range(64)]
    crowd[-1].sendall(b'{"v": 1, "id": 1, "request": "status"}\n')
    assert answer(crowd[-1])["result"]["stack"] == "toy"
    with connect(runtime) as late:
        assert "there are 64 connections already" in answer(late)["error"]
    said = project.run("ps")
    assert (said.returncode, said.stdout) == (0, "")
    assert f"{runtime.name} (process " in said.stderr
    assert "answers nothing but: there are 64 connections already; end some" in said.stderr
    assert "no stack runs" not in said.stderr
    second = project.run("up")
    assert second.returncode == 2
    assert "toy runs already, as it seems: toy-" in second.stderr
    for each in crowd:
        each.close()

    def is_heard() -> bool:
        # The supervisor hears of 64 farewells one after the other; until then there is no room to ask.
        with suppress(RefusedError, ConnectionLostError):
            return [run.state for run in project.runs()] == ["up"]
        return False

    wait_for(is_heard, "room for somebody new")


def test_subscriber_of_a_quiet_stack_does_not_wake_the_supervisor(project, runtime, wait_for_rest):
    supervisor = project.runs()[0].supervisor_pid
    with project.control() as control:
        control.subscribe()
        wait_for_rest(supervisor)
        assert control.read_events() == []


def test_refusals_are_the_launchers_own_words(project, runtime):
    with project.control() as control:
        with pytest.raises(RefusedError, match="there is no role wbe in toy; its roles: web, quiet"):
            control.restart("wbe")
        control.status()


def test_launcher_that_is_stopped_is_not_waited_for(project, runtime, monkeypatch):
    import signal

    from xr_ai_launcher._control import client

    monkeypatch.setattr(client, "_ANSWER_TIMEOUT_S", 0.3)
    supervisor = project.runs()[0].supervisor_pid
    os.kill(supervisor, signal.SIGSTOP)
    try:
        with (
            project_control(runtime) as control,
            pytest.raises(ConnectionLostError, match=f"process {supervisor} does not"),
        ):
            control.status()
    finally:
        os.kill(supervisor, signal.SIGCONT)


def project_control(runtime):
    from xr_ai_launcher._control.client import Control

    return Control(runtime)


def test_subscriber_hears_every_change(fresh_project):
    fresh_project.stack(STACK)
    fresh_project.up()
    with fresh_project.control() as control:
        status = control.subscribe()
        assert control.restart("web").state == "ready"
        control.down()
        events = []
        for event in control.events(20):
            status = status.after(event)
            events.append((event.kind, event.role.name if event.role else ""))
    web = [kind for kind, role in events if role == "web" and kind != "reason"]
    assert web == ["restart", "exit", "started", "ready", "exit"]
    assert ("stop", "") in events
    assert events[-1] == ("ending", "")
    assert status.state == "stopping"
    assert status.role("web").state == "ended"


def test_chatter_is_thinned_for_subscribers(fresh_project):
    """A role that reports a thousand times a second is not passed on a thousand times a second."""
    fresh_project.stack("""\
        stack: chatty
        roles:
          loader:
            command:
              - python
              - -c
              - |
                import os, pathlib, socket, time
                say = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                while not pathlib.Path("go").exists():
                    time.sleep(0.01)
                for number in range(2000):
                    say.sendto(f"STATUS=step {number}".encode(), os.environ["NOTIFY_SOCKET"])
                    time.sleep(0.0005)
                say.sendto(b"READY=1\\nSTATUS=done", os.environ["NOTIFY_SOCKET"])
                time.sleep(600)
            ready: notify
    """)
    fresh_project.start("up", "--plain")
    wait_for(fresh_project.runs, "the run")
    with fresh_project.control() as control:
        control.subscribe()
        (fresh_project.folder / "go").touch()
        events = []
        for event in control.events(60):
            events.append(event)
            if event.kind == "up":
                break
        assert control.status().role("loader").status_text == "done"
    times = [event.time for event in events if event.kind == "status"]
    # However long it takes: a pause after each, except where "ready" takes the last along.
    assert 1 <= len(times) <= (times[-1] - times[0]) / _CHATTER_PAUSE_S + 3
