"""The launcher from Python: what it exports, raises and returns, and that importing it costs next to nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

import xr_ai_launcher
from xr_ai_launcher import LauncherError, MissingPrerequisiteError, StackError, StackPlan, load_stack, run_stack
from xr_ai_launcher.testing import free_port

STACK = "stack: s\nroles: {web: {command: [sh, -c, 'exit 6'], env: {A: 1}}}\nprofiles: {p: {env: {B: 2}}}\n"

READER = """
import sys, time, urllib.request

for _ in range(2000):
    try:
        with urllib.request.urlopen("http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            sys.exit(9 if b'xrstack_up{{stack="s"}} 1' in answer.read() else 1)
    except OSError:
        time.sleep(0.01)
"""


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "stack.yaml"
    path.write_text(STACK)
    return path


def test_everything_announced_is_there() -> None:
    assert all(getattr(xr_ai_launcher, name) is not None for name in xr_ai_launcher.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = xr_ai_launcher.nothing


def test_a_plan_is_loaded_with_profile_and_overrides(stack: Path) -> None:
    plan = load_stack(stack, profile="p", overrides=["roles.web.env.A=5"])
    assert isinstance(plan, StackPlan)
    assert plan.profile == "p"
    assert plan.roles[0].env == {"A": "5", "B": "2"}


def test_a_stack_runs_and_returns_the_failed_roles_code(stack: Path) -> None:
    assert run_stack(stack) == 6


def test_a_stack_serves_the_metrics_its_file_names(stack: Path) -> None:
    port = free_port()
    stack.write_text(
        f"""
        stack: s
        metrics: {port}
        roles:
          reader:
            command: [{sys.executable}, {stack.parent}/reader.py]
        """
    )
    (stack.parent / "reader.py").write_text(READER.format(port=port))
    assert run_stack(stack) == 9


def test_errors_are_raised_with_their_problems_never_printed(stack: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StackError) as caught:
        load_stack(stack, overrides=["roles.web.launch=persits"])
    assert isinstance(caught.value, LauncherError)
    assert caught.value.problems[0].key_path == "roles.web.launch"
    with pytest.raises(MissingPrerequisiteError, match="no program `xrstack-none` is installed here"):
        run_stack(stack, overrides=["roles.web.command=xrstack-none"])
    assert capfd.readouterr() == ("", "")


def test_a_missing_stack_file_is_a_stack_error(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"stack\.yaml: no such file"):
        load_stack(tmp_path / "stack.yaml")


@pytest.mark.parametrize("module", ["xr_ai_launcher", "xr_ai_launcher._stack.plan", "xr_ai_launcher.cli._app"])
def test_what_runs_a_plan_or_shows_help_loads_nothing_that_checks_one(module: str) -> None:
    heavy = ("pydantic", "yaml", "psutil", "rich", "pynvml")
    script = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout == "[]\n"
