"""The run record, and secrets that are in no log."""

import json
import os
import signal

import pytest

from xr_ai_launcher._run.mask import Mask, mask_for
from xr_ai_launcher._stack.plan import RolePlan, StackPlan
from xr_ai_launcher.testing import wait_for

SECRET = "s3cr3t-0123456789"


def test_record_tells_the_whole_story(project):
    project.stack("""\
        stack: toy
        roles:
          web:
            command:
              - python
              - -c
              - |
                import os, socket, time
                say = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                say.sendto(b"STATUS=loading", os.environ["NOTIFY_SOCKET"])
                say.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
                while not os.path.exists("go"):
                    time.sleep(0.01)
                raise SystemExit(7)
            ready: notify
          other: {command: sleep 600}
    """)
    run = project.up()
    (project.folder / "go").touch()
    wait_for(lambda: not project.processes(), "the end")
    record = project.records()
    first = record[0]
    assert (first["event"], first["stack"], first["run_id"]) == ("run", "toy", run.run_id)
    assert first["roles"] == ["web", "other"]
    assert first["launcher_pid"] == run.launcher_pid
    story = [(entry["event"], entry["text"]) for entry in record if entry.get("role") == "web" if "text" in entry]
    assert story == [("status", "loading"), ("exit", "exit code 7")]
    assert [entry["event"] for entry in record if entry.get("role") == "web"] == ["started", "status", "ready", "exit"]
    ready = next(entry for entry in record if entry["event"] == "ready" and entry["role"] == "web")
    assert 0 < ready["after_s"] < 20
    assert [entry["event"] for entry in record if "role" not in entry] == ["run", "up", "stop", "ending"]
    assert record[-1]["exit_code"] == 7
    assert record[-1]["text"].startswith("web ended after")
    times = [entry["time"] for entry in record]
    assert times == sorted(times)


def test_record_is_there_after_the_launcher_was_killed(project):
    project.stack("stack: toy\nroles: {web: {command: sleep 600}}")
    run = project.up()
    os.kill(run.supervisor_pid, signal.SIGKILL)
    wait_for(lambda: not project.processes(), "the end")
    assert [entry["event"] for entry in project.records()] == ["run", "started", "ready", "up"]


def test_record_may_be_read_by_nobody_else(project):
    project.stack("stack: toy\nroles: {web: {command: sleep 600}}")
    run = project.up()
    for name in ("run.jsonl", "web.log", "web.times"):
        assert os.stat(f"{run.logs}/{name}").st_mode & 0o777 == 0o600
    assert os.stat(run.logs).st_mode & 0o777 == 0o700


# -- secrets


def test_secret_is_in_no_file_and_on_no_screen(project):
    project.stack("""\
        stack: toy
        secrets: [HIDDEN]
        roles:
          web:
            command:
              - python
              - -c
              - |
                import os, socket, sys, time
                secret = os.environ["HIDDEN"]
                print("whole:", secret, os.environ["OPENAI_API_KEY"], "end", flush=True)
                sys.stdout.write("cut: " + secret[:7])
                sys.stdout.flush()
                time.sleep(0.2)
                print(secret[7:], "end", flush=True)
                say = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                say.sendto(f"STATUS=using {secret}".encode(), os.environ["NOTIFY_SOCKET"])
                say.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
                while not os.path.exists("go"):
                    time.sleep(0.01)
                print("last", secret[:5], flush=True)
                raise SystemExit("failed with " + secret)
            ready: notify
    """)
    environment = {"HIDDEN": SECRET, "OPENAI_API_KEY": "sk-abcdefgh"}
    up = project.start("up", "--plain", env=environment)
    wait_for(lambda: project.runs() and project.runs()[0].state == "up", "the stack")
    with project.control() as control:
        assert SECRET not in json.dumps(control.status().as_json())
    (project.folder / "go").touch()
    assert up.wait(20) == 1
    assert project.log("web") == "whole: ******** ******** end\ncut: ******** end\nlast s3cr3\nfailed with ********\n"
    for path in (project.folder / "state").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert SECRET not in up.said()
    assert "using ********" in up.said()
    assert "sk-abcdefgh" not in up.said()


@pytest.mark.parametrize("cut", range(1, 40))
def test_secret_is_hidden_wherever_the_stream_is_cut(cut):
    mask = Mask(["abcabd", "xyz12345"])
    text = b"1 abcabcabd 2 xyz12345xyz1 3 abcab abcabd end"
    held, shown = b"", b""
    for start in range(0, len(text), cut):
        now, held = mask.split(mask.clean_bytes(held + text[start : start + cut]))
        shown += now
    assert shown + held == b"1 abc******** 2 ********xyz1 3 abcab ******** end"


def test_which_values_are_secret():
    role = RolePlan("a", ("x",), None, env={"DB_PASSWORD": "p4ssw0rd", "PLAIN": "visible-text", "SHORT_KEY": "abc"})
    plan = StackPlan("s", None, (role,), secrets=("MINE", "TINY"))
    mask = mask_for(plan, {"MINE": "minemine", "TINY": "abc", "GITHUB_TOKEN": "ghp_12345678", "HOME": "/home/somebody"})
    shown = mask.clean("p4ssw0rd visible-text abc minemine ghp_12345678 /home/somebody")
    assert shown == "******** visible-text abc ******** ******** /home/somebody"
