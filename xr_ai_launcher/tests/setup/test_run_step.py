"""``run`` steps: taken when their inputs changed or their results are gone, and not otherwise."""

import os
import signal

import psutil
import pytest

from xr_ai_launcher._stack.plan import BinaryStep, PathSource, Requirement, RunStep, SetupPlan
from xr_ai_launcher.testing import wait_for


@pytest.fixture
def build(tmp_path):
    """Make a step that copies ``src`` to ``out/result`` and counts its runs in ``count``."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.txt").write_text("one")

    def make(script="mkdir -p out && cat src/*.txt > out/result && echo x >> count", name="bundle", **fields):
        argv = ("/bin/sh", "-c", script)
        command = RunStep(argv, tmp_path, inputs=(tmp_path / "src",), creates=(tmp_path / "out",))
        return SetupPlan(name, command, **fields)

    return make


def runs(tmp_path):
    count = tmp_path / "count"
    return len(count.read_text().splitlines()) if count.exists() else 0


def pid_in(path):
    """Wait for the number of a process that a command writes there."""
    return wait_for(lambda: path.exists() and path.read_text().strip(), f"a process in {path.name}")


def test_runs_once_while_nothing_changes(prepare, build, tmp_path):
    """W21: the bundle was built again on every start."""
    for _ in range(3):
        run = prepare(build())
        assert run.wait() == 0
    assert runs(tmp_path) == 1
    assert run.stderr == ""


@pytest.mark.parametrize("change", ["content", "new file", "renamed", "result gone", "executable", "command"])
def test_runs_again_when_something_changed(prepare, build, tmp_path, change):
    assert prepare(build()).wait() == 0
    script = "mkdir -p out && cat src/* > out/result; echo x >> count"
    match change:
        case "content":
            (tmp_path / "src/a.txt").write_text("two")
        case "new file":
            (tmp_path / "src/b.txt").write_text("")
        case "renamed":
            (tmp_path / "src/a.txt").rename(tmp_path / "src/c.txt")
        case "executable":
            (tmp_path / "src/a.txt").chmod(0o755)
        case "result gone":
            for path in (tmp_path / "out").iterdir():
                path.unlink()
            (tmp_path / "out").rmdir()
    assert prepare(build(script) if change == "command" else build()).wait() == 0
    assert runs(tmp_path) == 2


def test_touching_an_input_is_no_change(prepare, build, tmp_path):
    assert prepare(build()).wait() == 0
    os.utime(tmp_path / "src/a.txt", (1, 1))
    assert prepare(build()).wait() == 0
    assert runs(tmp_path) == 1


def test_failure_shows_the_last_lines_and_is_tried_again(prepare, build, tmp_path):
    broken = build("mkdir -p out; echo compiling; echo 'error: no such module' >&2; echo x >> count; exit 3")
    for _ in range(2):
        run = prepare(broken)
        assert run.wait() == 5
    assert runs(tmp_path) == 2
    assert "setup bundle: `/bin/sh -c" in run.stderr
    assert "failed: exit code 3" in run.stderr
    assert "    error: no such module" in run.stderr
    assert "bundle │ compiling" in run.stderr


def test_command_that_does_not_make_what_it_promised(prepare, build, tmp_path):
    run = prepare(build("true"))
    assert run.wait() == 5
    assert f"ended well but did not create {tmp_path / 'out'}" in run.stderr


def test_missing_tool_is_one_sentence(prepare, build):
    run = prepare(build(requires=(Requirement("no-such-npm", "install Node.js 18 or newer"),)))
    assert run.wait() == 5
    assert run.stderr == ("setup bundle: needs no-such-npm, which is not installed: install Node.js 18 or newer\n")


def test_missing_tool_does_not_matter_when_there_is_nothing_to_do(prepare, build):
    assert prepare(build()).wait() == 0
    assert prepare(build(requires=(Requirement("no-such-npm"),))).wait() == 0


def test_missing_command(prepare, tmp_path):
    run = prepare(SetupPlan("b", RunStep(("no-such-command",), tmp_path)))
    assert run.wait() == 5
    assert "`no-such-command`: there is no program no-such-command" in run.stderr


def test_steps_run_at_the_same_time_and_after_their_needs(prepare, tmp_path):
    meet = "touch {me}; i=0; until [ -e {other} ] || [ $i = 1000 ]; do sleep 0.02; i=$((i+1)); done; [ -e {other} ]"
    last = '[ -e left ] && [ -e right ] && [ -x "$SH_BIN" ]'
    run = prepare(
        SetupPlan("last", RunStep(("/bin/sh", "-c", last), tmp_path), needs=("left", "right", "sh")),
        SetupPlan("left", RunStep(("/bin/sh", "-c", meet.format(me="left", other="right")), tmp_path)),
        SetupPlan("right", RunStep(("/bin/sh", "-c", meet.format(me="right", other="left")), tmp_path)),
        SetupPlan("sh", BinaryStep((PathSource("sh"),)), export="SH_BIN"),
    )
    assert run.wait() == 0, run.stderr


def test_failure_ends_the_other_steps(prepare, tmp_path):
    run = prepare(
        SetupPlan("slow", RunStep(("/bin/sh", "-c", "echo $$ > pid; exec sleep 600"), tmp_path)),
        SetupPlan("bad", RunStep(("/bin/sh", "-c", "until [ -s pid ]; do sleep 0.02; done; exit 1"), tmp_path)),
    )
    assert run.wait() == 5
    assert not os.path.exists(f"/proc/{(tmp_path / 'pid').read_text().strip()}")


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_ends_the_command_and_all_it_started(prepare, build, tmp_path, signum, code):
    stubborn = "trap '' TERM INT; (setsid sh -c \"trap '' TERM; echo \\$\\$ > stray; sleep 600\") & echo $$ > pid; wait"
    run = prepare(build(f"{stubborn}; sleep 600"))
    run.wait_for_words("setup bundle: running")
    pids = [pid_in(tmp_path / name) for name in ("pid", "stray")]
    run.process.send_signal(signum)
    assert run.wait() == code
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
    assert prepare(build()).wait() == 0
    assert runs(tmp_path) == 1


def test_killed_launcher_ends_the_command(prepare, build, tmp_path):
    run = prepare(build("echo $$ > pid; exec sleep 600"))
    pid = pid_in(tmp_path / "pid")
    run.process.kill()
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the command is gone")


def test_killed_setup_process_is_said_and_leaves_nothing(prepare, build, tmp_path):
    run = prepare(build("echo $$ > pid; exec sleep 600"))
    pid = pid_in(tmp_path / "pid")
    (worker,) = psutil.Process(run.process.pid).children()
    worker.kill()
    assert run.wait() == 5
    assert "the setup process ended: killed by SIGKILL" in run.stderr
    assert not os.path.exists(f"/proc/{pid}")


def test_second_launcher_waits_and_does_not_repeat_the_work(prepare, build, tmp_path):
    step = build("until [ -e go ]; do sleep 0.02; done; mkdir -p out && cat src/*.txt > out/result; echo x >> count")
    first = prepare(step)
    first.wait_for_words("setup bundle: running")
    second = prepare(step)
    second.wait_for_words("another launcher is preparing the same; waiting for it")
    (tmp_path / "go").touch()
    assert (first.wait(), second.wait()) == (0, 0)
    assert runs(tmp_path) == 1
