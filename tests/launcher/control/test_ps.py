"""``xrstack ps``: what runs, seen from another terminal."""

import json
import os
import signal

from xr_ai_launcher._control import client
from xr_ai_launcher._run.linux import process_info
from xr_ai_launcher.testing import wait_for

STACK = """\
    stack: toy
    roles:
      web: {command: python -m http.server --bind 127.0.0.1 PORT, ports: {http: PORT}, ready: {tcp: http}}
      task: {command: [sh, -c, 'exit 3'], on_exit: ignore}
"""


def test_nothing_runs(project):
    result = project.run("ps")
    assert (result.returncode, result.stdout) == (0, "")
    assert "no stack runs" in result.stderr
    assert json.loads(project.run("ps", "--json").stdout) == []


def test_people_see_a_table(project, free_port):
    project.stack(STACK.replace("PORT", str(free_port)))
    project.up()
    wait_for(lambda: project.status("task").state == "ended", "the task's end")
    head, columns, web, task, *_ = project.run("ps").stdout.splitlines()
    assert head.startswith("toy: up for ")
    assert str(project.folder / "stack.yaml") in head
    assert columns.split()[:5] == ["ROLE", "STATE", "SINCE", "PID", "PORTS"]
    assert "MEMORY" in columns
    assert "RESTARTS" not in columns  # nothing to say there
    assert web.split()[:2] == ["web", "ready"]
    assert str(free_port) in web
    assert "MiB" in web
    assert task.split()[:3] == ["task", "failed", "(3)"]


def test_programs_get_json_with_figures(project, free_port):
    project.stack(STACK.replace("PORT", str(free_port)))
    project.up()
    (run,) = json.loads(project.run("ps", "--json", "toy").stdout)
    web = next(role for role in run["roles"] if role["name"] == "web")
    assert (run["stack"], run["state"]) == ("toy", "up")
    assert (web["state"], web["ports"]) == ("ready", {"http": free_port})
    assert 5_000_000 < web["memory_bytes"] < 200_000_000
    assert web["cpu_percent"] >= 0


def test_busy_role_shows_its_processor_time(project):
    project.stack("stack: busy\nroles: {spin: {command: [sh, -c, 'while :; do :; done']}}")
    project.up()

    def percent() -> float:
        (run,) = json.loads(project.run("ps", "--json").stdout)
        return run["roles"][0]["cpu_percent"]

    wait_for(lambda: percent() > 2, "its share of one core; the machine may be busy otherwise")


def test_stack_that_does_not_run_is_said_with_those_that_do(project):
    project.stack("stack: toy\nroles: {a: {command: sleep 600}}")
    project.up()
    result = project.run("ps", "other")
    assert result.returncode == 1
    assert "other does not run; running: toy" in result.stderr


def test_stopped_launcher_is_named(project, monkeypatch):
    project.stack("stack: toy\nroles: {a: {command: sleep 600}}")
    run = project.up()
    monkeypatch.setattr(client, "_ANSWER_TIMEOUT_S", 0.3)
    os.kill(run.supervisor_pid, signal.SIGSTOP)
    try:
        result, down = project.run("ps"), project.run("down")
    finally:
        os.kill(run.supervisor_pid, signal.SIGCONT)
    assert down.returncode == 1
    assert down.stderr == result.stderr
    assert f"{run.run_id} (process {run.supervisor_pid}) does not answer: is it stopped?" in result.stderr


def test_folder_of_a_killed_launcher_is_not_shown_and_its_roles_are_named(project, monkeypatch):
    """Guardian, witness and supervisor killed at the same instant: the only way to leave anything."""
    run = kill_launcher(project)
    result = project.run("ps")
    assert result.stdout == ""
    assert (
        f"{run.run_id}: its launcher was killed and 2 of its processes live; xrstack down {run.run_id}" in result.stderr
    )
    monkeypatch.setattr("xr_ai_launcher.cli.down._SWEEP_GRACE_S", 0.3)
    result = project.run("down", run.run_id)
    assert result.returncode == 0
    assert f"{run.run_id}: 2 processes of a killed launcher were ended" in result.stderr
    assert project.processes() == []
    assert not os.path.exists(run.runtime)


def kill_launcher(project):
    stubborn = "trap '' TERM; while :; do sleep 600; done"
    project.stack(f'stack: toy\nroles: {{a: {{command: [sh, -c, "{stubborn}"]}}}}')
    run = project.up()
    wait_for(lambda: len(project.role_processes("a")) == 2, "the sleep")
    witness = process_info(run.supervisor_pid).parent
    for signum in (signal.SIGSTOP, signal.SIGKILL):  # stopped first, so that none sees another's end
        for pid in (run.supervisor_pid, witness, run.launcher_pid):
            os.kill(pid, signum)
    wait_for(lambda: len(project.processes()) == 2, "the launcher's end")
    os.utime(run.runtime, (0, 0))  # a young folder could be that of a launcher that just starts
    return run


def test_folder_in_which_nothing_lives_is_cleared_away(project):
    run = kill_launcher(project)
    for pid in project.processes():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not project.processes(), "their end")
    result = project.run("ps")
    assert result.stderr == "no stack runs\n"
    assert not os.path.exists(run.runtime)
