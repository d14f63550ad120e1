"""``restart``, ``down``, ``up --detach``, and a second ``up``."""

import os
import signal

import pytest

from xr_ai_launcher.testing import wait_for

TWO = """\
    stack: toy
    roles:
      web: {command: [sh, -c, 'echo life; exec sleep 600'], ready: {log: life}}
      other: {command: sleep 600}
"""


# -- restart


def test_restart_gives_a_role_a_new_life_and_leaves_the_others(project):
    project.stack(TWO)
    project.up()
    before = {role.name: role.pid for role in project.runs()[0].roles}
    result = project.run("restart", "web")
    assert result.returncode == 0
    web, other = project.status("web"), project.status("other")
    assert f"web is ready again after {web.ready_after_s:.2f} s (process {web.pid})" in result.stderr
    assert (web.state, web.restarts) == ("ready", 1)
    assert web.pid != before["web"]
    assert other.pid == before["other"]
    assert project.log("web") == "life\nlife\n"
    assert project.role_processes("web") == [web.pid]


def test_role_that_does_not_obey_is_killed_after_its_grace_with_all_its_children(project):
    stubborn = "trap '' TERM; (exec setsid sleep 600) & echo deaf; while :; do sleep 600; done"
    project.stack(f"""\
        stack: toy
        roles: {{web: {{command: [sh, -c, "{stubborn}"], ready: {{log: deaf}}, stop: {{grace: 300ms}}}}}}
    """)
    project.up()
    old = set(wait_for(lambda: len(found := project.role_processes("web")) == 3 and found, "the shell and its two"))
    assert project.run("restart", "web").returncode == 0
    assert old.isdisjoint(project.processes())
    assert "killed, since its stop signal was not enough" in str(project.records())


def test_stop_signal_of_the_role_is_used(project):
    loop = "trap 'echo got INT; exit 0' INT; echo life; while :; do sleep 0.05; done"
    project.stack(f"""\
        stack: toy
        roles:
          web: {{command: [sh, -c, "{loop}"], ready: {{log: life}}, stop: {{signal: SIGINT}}}}
    """)
    project.up()
    assert project.run("restart", "web").returncode == 0
    assert project.log("web") == "life\ngot INT\nlife\n"


def test_several_roles_and_mistyped_ones(project):
    project.stack(TWO)
    project.up()
    assert project.run("restart", "web", "other").returncode == 0
    assert [role.restarts for role in project.runs()[0].roles] == [1, 1]
    result = project.run("restart", "web", "wbe")
    assert result.returncode == 1
    assert "toy has no role wbe; did you mean" in result.stderr
    assert project.status("web").restarts == 1  # nothing is done by halves


def test_role_that_fails_when_it_is_restarted_ends_the_stack_and_says_so(project):
    project.stack("""\
        stack: toy
        roles: {web: {command: [sh, -c, 'test -e broken && exit 7; echo life; exec sleep 600'], ready: {log: life}}}
    """)
    project.up()
    (project.folder / "broken").touch()
    result = project.run("restart", "web")
    assert result.returncode == 1
    assert "the stack stops: web ended after" in result.stderr
    wait_for(lambda: not project.processes(), "the end")
    assert project.records()[-1]["exit_code"] == 7


def test_task_that_has_ended_can_be_run_again(project):
    project.stack("""\
        stack: toy
        roles:
          task: {command: [sh, -c, 'echo done'], on_exit: ignore}
          web: {command: sleep 600}
    """)
    project.up()
    wait_for(lambda: project.status("task").state == "ended", "the task's end")
    assert project.run("restart", "task").returncode == 0
    wait_for(lambda: project.log("task") == "done\ndone\n", "the second run")


def test_role_in_its_restart_pause_comes_back_at_once(project):
    project.stack("""\
        stack: toy
        roles:
          web:
            command: [sh, -c, 'test -e good || exit 3; exec sleep 600']
            on_exit: restart
            restart: {backoff: 10m, max: 10m}
          other: {command: sleep 600}
    """)
    project.start("up", "--plain")
    wait_for(lambda: project.runs() and project.status("web").state == "paused", "the pause")
    (project.folder / "good").touch()
    assert project.run("restart", "web").returncode == 0
    assert project.status("web").state == "ready"


def test_stop_in_the_middle_of_a_restart(project):
    project.stack("""\
        stack: toy
        roles:
          web:
            command: [sh, -c, "trap '' TERM; echo deaf; while :; do sleep 600; done"]
            ready: {log: deaf}
            stop: {grace: 600s}
    """)
    run = project.up()
    asking = project.start("restart", "web")
    wait_for(lambda: project.status("web").state == "stopping", "the restart")
    os.kill(run.launcher_pid, signal.SIGTERM)
    assert asking.wait(20) == 1
    os.kill(run.launcher_pid, signal.SIGTERM)  # the grace is long: twice means now
    wait_for(lambda: not project.processes(), "the end")
    assert project.records()[-1]["exit_code"] == 143


# -- down


def test_down_ends_everything_with_code_0(project):
    project.stack(TWO)
    up = project.start("up", "--plain")
    wait_for(lambda: project.runs() and project.runs()[0].state == "up", "the stack")
    result = project.run("down")
    assert (result.returncode, result.stderr) == (0, "toy is stopped\n")
    assert project.processes() == []  # at once: down has waited for it
    assert up.wait(10) == 0
    assert "stopped by xrstack down" in up.said()


def test_down_of_what_does_not_run_is_no_failure(project):
    assert project.run("down").returncode == 0
    result = project.run("down", "nobody")
    assert (result.returncode, result.stderr) == (0, "nobody does not run; no stack does\n")


def test_stack_can_be_meant_by_name_file_or_run(project):
    project.stack("stack: one\nroles: {a: {command: sleep 600}}", "first.yaml")
    project.stack("stack: two\nroles: {a: {command: sleep 600}}", "second.yaml")
    for meant in ("one", "first.yaml", ""):
        run = project.up("first.yaml")
        assert project.run("down", meant or run.run_id).returncode == 0
        assert project.runs() == []
    project.up("first.yaml")
    project.up("second.yaml")
    result = project.run("down")
    assert result.returncode == 1
    assert "several stacks run: name one of one, two" in result.stderr
    assert len(project.runs()) == 2
    assert project.run("down", "--all").returncode == 0
    assert project.processes() == []


# -- up --detach


def test_detached_stack_outlives_its_terminal_and_knows_no_failure_of_it(project):
    project.stack(
        "stack: toy\nroles: {page: {command: [sh, -c, 'echo hi; exec sleep 600'], ready: {log: hi}, url: 'http://x/'}}"
    )
    result = project.run("up", "--detach")  # its output is a pipe that is closed now
    assert result.returncode == 0
    assert "toy is up and runs on" in result.stderr
    assert "page: http://x/" in result.stderr
    assert project.runs()[0].state == "up"
    assert os.getsid(project.runs()[0].launcher_pid) == project.runs()[0].launcher_pid


def test_detached_failure_is_told_with_its_code(project):
    project.stack("stack: toy\nroles: {web: {command: [sh, -c, 'echo last words; exit 7'], ready: {log: never}}}")
    result = project.run("up", "--detach")
    assert result.returncode == 7
    assert "web ended after" in result.stderr
    assert "last words" in result.stderr
    assert project.processes() == []


def test_detached_start_that_is_not_ready_in_time_ends_with_4(project):
    project.stack("stack: toy\nroles: {web: {command: sleep 600, ready: {log: never}, ready_timeout: 300ms}}")
    assert project.run("up", "--detach").returncode == 4
    assert project.processes() == []


def test_ctrl_c_while_waiting_stops_the_stack(project):
    project.stack("stack: toy\nroles: {web: {command: sleep 600, ready: {log: never}}}")
    up = project.start("up", "--detach")
    wait_for(lambda: project.role_processes("web"), "the role")
    up.send_signal(signal.SIGINT)
    assert up.wait(20) == 130
    assert project.processes() == []


# -- a second up


@pytest.mark.parametrize("detach", [True, False])
def test_second_up_says_so_in_one_sentence(project, free_port, detach):
    project.stack(f"""\
        stack: toy
        roles:
          web: {{command: python -m http.server {free_port}, ports: {{http: {free_port}}}, ready: {{tcp: http}}}}
    """)
    run = project.up()
    result = project.run("up", *(["--detach"] if detach else []))
    assert result.returncode == 2
    (sentence,) = result.stderr.splitlines()
    assert sentence.startswith("toy runs already, since 20")
    assert f"(process {run.launcher_pid})" in sentence
    assert "xrstack down" in sentence
    assert len(project.runs()) == 1


def test_second_up_of_a_stack_without_ports_says_so_too(project):
    project.stack(TWO)
    project.up()
    result = project.run("up")
    assert result.returncode == 2
    assert "toy runs already, since" in result.stderr
    assert len(project.role_processes("other")) == 1


def test_same_file_with_other_ports_may_run_twice(project, free_port):
    project.stack(f"stack: toy\nroles: {{web: {{command: sleep 600, ports: {{http: {free_port}}}}}}}")
    project.up()
    project.up("--set", "roles.web.ports.http=1")
    assert len(project.runs()) == 2


def test_foreign_holder_of_a_port_is_still_named(project, free_port):
    import socket

    project.stack(f"stack: toy\nroles: {{web: {{command: sleep 600, ports: {{http: {free_port}}}}}}}")
    with socket.create_server(("127.0.0.1", free_port)):
        result = project.run("up")
    assert result.returncode == 2
    assert f"port {free_port}" in result.stderr
    assert "runs already" not in result.stderr


def test_one_word_command_of_a_product_steers_its_own_stack(project, monkeypatch, capfd):
    """``xr_render_demo logs hub`` means the stack of this product, whatever else runs."""
    from xr_ai_launcher.cli import main

    project.stack(TWO, "mine.yaml")
    project.stack("stack: other\nroles: {web: {command: sleep 600}}", "other.yaml")
    project.up("mine.yaml")
    project.up("other.yaml")
    for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, project.environment[name])
    mine = project.folder / "mine.yaml"
    assert main(["restart", "web"], stack=mine) == 0
    assert main(["logs", "web"], stack=mine) == 0
    assert capfd.readouterr().out == "web │ life\nweb │ life\n"
    assert main(["down"], stack=mine) == 0
    assert [run.stack for run in project.runs()] == ["other"]
