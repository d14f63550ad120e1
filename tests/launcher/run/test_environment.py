"""What a role sees of the world, and what is left of a run."""

import json
import os
import resource
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from xr_ai_launcher._run.linux import environment_value
from xr_ai_launcher._stack.plan import NotifyProbe
from xr_ai_launcher.testing import wait_for


@pytest.fixture
def facts_of():
    """Return what the role `inspect_self` reported."""

    def facts(stack, name="me"):
        line = wait_for(lambda: stack.log(name).partition(b"\n")[0] if b"\n" in stack.log(name) else None, "the facts")
        return json.loads(line)

    return facts


def test_role_inherits_and_adds(start, role, tmp_path, facts_of):
    stack = start(role("me", "inspect_self", "x y", env={"EXTRA": "1"}), env={"INHERITED": "2"})
    facts = facts_of(stack)
    environment = facts["environment"]
    assert (environment["EXTRA"], environment["INHERITED"], environment["PYTHONUNBUFFERED"]) == ("1", "2", "1")
    assert environment["XR_ROLE"] == "me"
    assert "NOTIFY_SOCKET" not in environment
    assert facts["cwd"] == str(tmp_path)
    assert facts["argv"] == ["x y"]


def test_inherited_notify_socket_is_not_passed_on_to_roles_that_do_not_notify(start, role, facts_of):
    """Under systemd, a role must not speak for the launcher."""
    stack = start(role("me", "inspect_self"), env={"NOTIFY_SOCKET": "/run/elsewhere"})
    assert "NOTIFY_SOCKET" not in facts_of(stack)["environment"]


def test_notify_socket_only_for_notify(start, role, facts_of):
    stack = start(role("me", "inspect_self", ready=NotifyProbe()))
    path = Path(facts_of(stack)["environment"]["NOTIFY_SOCKET"])
    assert path.is_socket()
    assert len(str(path)) < 100
    assert path.parent.stat().st_mode & 0o077 == 0


def test_role_starts_clean(start, role, facts_of):
    """No descriptor, no ignored or blocked signal of the launcher reaches a role; it has a session of its own."""
    stack = start(
        role("me", "inspect_self"), role("other", "say", "hi"), preexec_fn=lambda: signal.signal(2, signal.SIG_IGN)
    )
    facts = facts_of(stack)
    assert facts["descriptors"].pop("0") == os.devnull
    assert facts["descriptors"].pop("1") == facts["descriptors"].pop("2")
    assert all(target.startswith("/proc/") for target in facts["descriptors"].values())
    assert int(facts["blocked"], 16) == 0
    assert signal.SIGINT not in facts["ignored"]
    assert facts["session"] == facts["pid"]


def test_more_roles_than_open_files_are_allowed(start, role, facts_of):
    """The launcher makes room for itself; a role keeps the limit that it would have had."""
    few = (30, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    roles = [role("me", "inspect_self"), *(role(f"r{i}", "say", "hi") for i in range(39))]
    stack = start(
        *(replace(each, argv=("/bin/sleep", "600")) if each.name != "me" else each for each in roles),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, few),
    )
    stack.wait_for_words("40 roles ready")
    facts_of(stack)
    me = next(pid for pid in stack.role_processes() if environment_value(pid, "XR_ROLE") == "me")
    assert resource.prlimit(me, resource.RLIMIT_NOFILE) == few
    stack.process.terminate()
    assert stack.wait() == 143


def test_two_stacks_do_not_collide(start, role, facts_of, tmp_path):
    first = start(role("me", "inspect_self"))
    second = start(role("me", "inspect_self"))
    runs = [facts_of(stack)["environment"]["XR_RUN_DIR"] for stack in (first, second)]
    assert runs[0] != runs[1]
    first.process.terminate()
    assert first.wait() == 143
    assert second.process.poll() is None
    assert len(second.role_processes()) == 1


def test_two_runs_of_one_stack_share_folders_but_nothing_in_them(start, role, facts_of, short_path):
    shared = {"XDG_RUNTIME_DIR": str(short_path), "XDG_STATE_HOME": str(short_path / "state")}
    stacks = [start(role("me", "inspect_self"), env=shared) for _ in range(2)]
    for stack in stacks:
        stack.wait_for_words("1 role ready")
    assert len(list(short_path.glob("xrstack/*"))) == 2
    assert len(list(short_path.glob("state/xrstack/toy/*-*/me.log"))) == 2
    for stack in stacks:
        stack.process.terminate()
        assert stack.wait() == 143
    assert list(short_path.glob("xrstack/*")) == []


def test_run_folder_goes_and_logs_stay(start, role, facts_of):
    stack = start(role("me", "inspect_self"))
    run = Path(facts_of(stack)["environment"]["XR_RUN_DIR"])
    (run / "left").mkdir()
    (run / "left" / "behind").touch()
    stack.process.terminate()
    stack.wait()
    assert not run.exists()
    assert stack.log("me")


def test_old_runs_are_forgotten(tmp_path):
    from xr_ai_launcher._run.rundir import create_run_dir

    environment = {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    for number in range(30):
        (tmp_path / f"state/xrstack/toy/20200101-0000{number:02d}-abcdef").mkdir(parents=True)
    newest = create_run_dir("toy", environment)
    newest.forget_older_runs()
    kept = sorted(path.name for path in (tmp_path / "state/xrstack/toy").iterdir() if not path.is_symlink())
    assert len(kept) == 20
    assert kept[-1] == Path(newest.logs).name
    assert (tmp_path / "state/xrstack/toy/latest").resolve() == Path(newest.logs)


def test_folder_that_others_can_read_is_refused(short_path):
    from xr_ai_launcher._run import RunDirError
    from xr_ai_launcher._run.rundir import create_run_dir

    (short_path / "xrstack").mkdir(mode=0o755)
    with pytest.raises(RunDirError, match="must be a folder of yours alone"):
        create_run_dir("toy", {"XDG_RUNTIME_DIR": str(short_path), "XDG_STATE_HOME": str(short_path)})
