"""``launch: persist``: roles that outlive `up`, are found again, and are never there twice."""

import os
import signal

from xr_ai_launcher.testing import wait_for

STACK = """\
    stack: toy
    roles:
      llm:
        command: [python, -u, -m, http.server, --bind, 127.0.0.1, "PORT"]
        ports: {http: PORT}
        ready: {tcp: http}
        launch: persist
      worker: {command: [sh, -c, 'echo worker; exec sleep 600'], ready: {log: worker}}
"""


def stack(project, port, **changes):
    text = STACK.replace("PORT", str(port))
    for before, after in changes.items():
        text = text.replace(before, after)
    project.stack(text)


def up_and_interrupt(project, signum=signal.SIGINT, *, words=""):
    """Run the stack until it is up and has said ``words``, and stop it as at a terminal; return what was said."""
    up = project.start("up", "--plain")
    wait_for(lambda: ("2 roles ready" in up.said() and words in up.said()) or up.poll() is not None, "the stack")
    assert up.poll() is None, up.said()
    up.send_signal(signum)
    assert up.wait(20) == 128 + signum
    return up.said()


def keeper(project):
    (run,) = [run for run in project.runs() if run.persists]
    return run


def test_it_outlives_up_is_found_again_and_ends_with_down(project, free_port):
    stack(project, free_port)
    said = up_and_interrupt(project, words="llm     │ Serving HTTP")
    (first,) = project.role_processes("llm")
    assert f"llm runs on (launch: persist, process {first}) until xrstack down" in said
    assert "nothing else of the stack is left" in said
    assert project.role_processes("worker") == []
    said = up_and_interrupt(project, signal.SIGTERM)
    assert f"llm runs already (launch: persist, process {first})" in said
    assert project.role_processes("llm") == [first]
    assert "toy (keeps llm for later runs): up" in project.run("ps").stdout
    assert "llm │ Serving HTTP" in project.run("logs", "llm").stdout
    result = project.run("down")
    assert result.stderr == "toy: llm is stopped\n"
    assert project.processes() == []


def test_another_plan_replaces_it_and_an_edit_elsewhere_does_not(project, free_port):
    stack(project, free_port)
    up_and_interrupt(project)
    first = project.role_processes("llm")
    stack(
        project,
        free_port,
        **{"    stack: toy": "    # a comment moves all lines\n    stack: toy", "echo worker": "echo 2 worker"},
    )
    up_and_interrupt(project)
    assert project.role_processes("llm") == first
    stack(project, free_port, **{"launch: persist": "launch: persist\n        env: {NEW: value}"})
    up_and_interrupt(project)
    (second,) = project.role_processes("llm")
    assert [second] != first


def test_failure_of_another_role_leaves_it(project, free_port):
    stack(project, free_port, **{"exec sleep 600": "while ! test -e go; do sleep 0.02; done; exit 9"})
    up = project.start("up", "--plain")
    wait_for(lambda: "2 roles ready" in up.said(), "the stack")
    (project.folder / "go").touch()
    assert up.wait(20) == 9
    assert len(project.role_processes("llm")) == 1
    assert project.role_processes("worker") == []


def test_its_own_failure_ends_the_stack_with_its_code(project):
    project.stack("""\
        stack: toy
        roles:
          llm:
            command:
            - sh
            - -c
            - 'echo hello; while ! test -e go; do sleep 0.02; done; seq 300000; echo last words; exit 7'
            ready: {log: hello}
            launch: persist
          worker: {command: sleep 600}
    """)
    up = project.start("up", "--plain")
    wait_for(lambda: "2 roles ready" in up.said(), "the stack")
    (project.folder / "go").touch()
    assert up.wait(20) == 7
    assert "llm (launch: persist): llm ended after" in up.said()
    assert "    last words" in up.said()
    # Much is on its way from the keeper when the role ends; none of it is lost.
    assert [line for line in up.said().splitlines() if line.startswith("llm ")][-1].endswith("│ last words")
    wait_for(lambda: not project.processes(), "the end of all")


def test_not_ready_in_time_is_4_and_leaves_nothing(project):
    project.stack("""\
        stack: toy
        roles: {llm: {command: sleep 600, ready: {log: never}, ready_timeout: 300ms, launch: persist}}
    """)
    result = project.run("up", "--plain")
    assert result.returncode == 4
    assert "llm was not ready within 0.30 s" in result.stderr
    wait_for(lambda: not project.processes(), "the end of all")


def test_interrupted_before_it_was_ready_it_does_not_stay(project):
    project.stack("""\
        stack: toy
        roles:
          llm: {command: [sh, -c, 'echo hello; exec sleep 600'], ready: {log: never}, launch: persist}
    """)
    up = project.start("up", "--plain")
    wait_for(lambda: "llm     │ hello" in up.said(), "its first words")
    up.send_signal(signal.SIGINT)
    assert up.wait(20) == 130
    wait_for(lambda: not project.processes(), "the end of all")


def test_killed_launcher_leaves_it_to_the_next(project, free_port):
    stack(project, free_port)
    run = project.up()
    while run.persists:
        run = next(each for each in project.runs() if not each.persists)
    first = project.role_processes("llm")
    os.kill(run.launcher_pid, signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{run.supervisor_pid}"), "the end of the launcher and the others")
    assert project.role_processes("worker") == []
    assert project.role_processes("llm") == first
    project.up()
    assert project.role_processes("llm") == first


def test_killed_keeper_takes_it_along(project, free_port):
    stack(project, free_port)
    up_and_interrupt(project)
    os.kill(keeper(project).supervisor_pid, signal.SIGKILL)
    wait_for(lambda: not project.processes(), "the end of all")


def test_one_that_does_not_answer_any_more_is_started_again(project, free_port):
    project.stack(f"""\
        stack: toy
        roles:
          llm:
            command:
              - python
              - -c
              - |
                import os, socket, time
                server = socket.create_server(("127.0.0.1", {free_port}))
                while not os.path.exists("deaf"):
                    time.sleep(0.01)
                server.close()
                os.remove("deaf")
                time.sleep(600)
            ports: {{http: {free_port}}}
            ready: {{tcp: http}}
            launch: persist
          worker: {{command: sleep 600}}
    """)
    up_and_interrupt(project)
    first = project.role_processes("llm")
    (project.folder / "deaf").touch()
    wait_for(lambda: not (project.folder / "deaf").exists(), "it being deaf")
    said = up_and_interrupt(project)
    assert "llm runs, but is not ready any more" in said
    assert "2 roles ready" in said
    assert len(project.role_processes("llm")) == 1
    assert project.role_processes("llm") != first


def test_it_can_be_restarted_and_the_stack_stays(project, free_port):
    stack(project, free_port)
    project.up()
    first = project.role_processes("llm")
    assert project.run("restart", "llm").returncode == 0
    assert len(project.role_processes("llm")) == 1
    assert project.role_processes("llm") != first
    (main,) = [run for run in project.runs() if not run.persists]
    wait_for(lambda: project.runs()[-1].role("llm").state == "ready", "the news")
    assert main.state == "up"
    assert project.run("down").returncode == 0
    assert project.processes() == []


def test_it_waits_for_what_it_is_to_wait_for(project):
    project.stack("""\
        stack: toy
        roles:
          first:
            command: [sh, -c, 'while ! test -e go; do sleep 0.02; done; echo now; exec sleep 600']
            ready: {log: now}
          llm: {command: [sh, -c, 'echo llm; exec sleep 600'], ready: {log: llm}, launch: persist, after: [first]}
    """)
    up = project.start("up", "--plain")
    wait_for(lambda: project.role_processes("first"), "the first")
    assert project.role_processes("llm") == []
    (project.folder / "go").touch()
    wait_for(lambda: "2 roles ready" in up.said(), "the stack")
    assert len(project.role_processes("llm")) == 1


def test_launcher_that_dies_before_it_begins_leaves_no_keeper(project):
    project.stack("""\
        stack: toy
        roles:
          first: {command: sleep 600, ready: {log: never}}
          llm: {command: sleep 600, launch: persist, after: [first]}
    """)
    up = project.start("up", "--plain")
    wait_for(lambda: project.role_processes("first"), "the first")
    up.kill()
    up.wait()
    wait_for(lambda: not project.processes(), "the end of all")
    assert os.listdir(project.folder / "xrstack") == [".keepers"]
