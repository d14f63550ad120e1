"""The stack files we ship are good, and the mistakes a newcomer makes are answered with place and repair."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from kit.stack import ROOT

import yaml

XRSTACK = str(Path(sys.executable).parent / "xrstack")


def xrstack(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([XRSTACK, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the demo's stack there."""
    return xrstack("check", "--profile", "embedded", "stacks/xr_render_demo.yaml", cwd=folder)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of everything the demo's stack file refers to, to make mistakes in."""
    for folder in ("stacks", "services", "agent-samples", "client-samples/web-xr-build"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    return tmp_path


def place(file: Path, words: str) -> str:
    """LINE:COLUMN of the first ``words`` in ``file``."""
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if words in line:
            return f"{number}:{line.index(words) + 1}"
    raise AssertionError(f"{file} has no {words!r}")


def break_line(file: Path, old: str, new: str) -> None:
    """Replace the first ``old``."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


STACKS = sorted((ROOT / "stacks").glob("*.yaml"))


@pytest.mark.parametrize("stack", STACKS, ids=[path.stem for path in STACKS])
def test_every_stack_we_ship_is_good(stack: Path) -> None:
    # By its profile: which one the hardware would choose, and what that lacks here, is another question.
    profile = ("--profile", "embedded") if "profiles" in yaml.safe_load(stack.read_text()) else ()
    result = xrstack("check", *profile, str(stack.relative_to(ROOT)))
    assert result.returncode == 0, result.stderr


def test_make_check_looks_at_every_stack_the_same_way(tmp_path: Path) -> None:
    """Each is given to `xrstack check`, those that have profiles with the embedded one."""
    shown = subprocess.run(
        ["make", "--dry-run", "check"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    checks = [line.removeprefix("@") for line in shown.splitlines() if "xrstack check" in line]
    spoken = "".join(f"echo {line}\n" for line in checks)
    said = subprocess.run(
        ["sh", "-ec", spoken], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    with_profile, without = set(), set()
    for line in said.splitlines():
        (with_profile if "--profile embedded" in line else without).update(
            word for word in line.split() if word.startswith("stacks/")
        )
    expected = {str(path.relative_to(ROOT)): "profiles" in yaml.safe_load(path.read_text()) for path in STACKS}
    assert with_profile == {name for name, has_profiles in expected.items() if has_profiles}
    assert without == {name for name, has_profiles in expected.items() if not has_profiles}


def test_a_typo_in_a_key_is_answered_with_its_place_and_the_right_word(copied: Path) -> None:
    file = copied / "stacks/xr_render_demo.yaml"
    break_line(file, "    command: render_mcp", "    comand: render_mcp")
    result = check(copied)
    assert result.returncode == 2
    where = f"stacks/xr_render_demo.yaml:{place(file, 'comand')}"
    assert f"{where}: roles.render-mcp.comand: unknown key; did you mean `command`?" in result.stderr


def test_a_port_used_twice_names_both_places(copied: Path) -> None:
    file = copied / "stacks/xr_render_demo.yaml"
    first = place(file, "8220")
    second = place(file, "8230")
    break_line(file, "http: 8230", "http: 8220")
    result = check(copied)
    assert result.returncode == 2
    told = next(line for line in result.stderr.splitlines() if "8220" in line)
    assert told.startswith(f"stacks/xr_render_demo.yaml:{second}: roles.oxr-mcp.ports.http: "), told
    assert f"render-mcp has it at stacks/xr_render_demo.yaml:{first};" in told


def test_a_missing_config_file_is_named_with_the_line_that_asks_for_it(copied: Path) -> None:
    (copied / "services/vec-mcp/vec_mcp_server.yaml").unlink()
    result = check(copied)
    assert result.returncode == 2
    where = place(copied / "stacks/xr_render_demo.yaml", "../services/vec-mcp/vec_mcp_server.yaml")
    told = next(line for line in result.stderr.splitlines() if "vec_mcp_server.yaml" in line)
    assert told.startswith(f"stacks/xr_render_demo.yaml:{where}: roles.vec-mcp.config: "), told


def test_all_mistakes_are_told_at_once(copied: Path) -> None:
    file = copied / "stacks/xr_render_demo.yaml"
    break_line(file, "    command: render_mcp", "    comand: render_mcp")
    break_line(file, "http: 8230", "http: eight")
    result = check(copied)
    places = [place(file, mistake) for mistake in ("comand", "eight")]
    assert all(f"stacks/xr_render_demo.yaml:{each}: " in result.stderr for each in places), result.stderr


def test_a_gpu_profile_can_be_planned_and_says_what_it_lacks_when_started() -> None:
    planned = xrstack("plan", "stacks/xr_render_demo.yaml", "--profile", "spark")
    assert planned.returncode == 0, planned.stderr
    assert "cloudxr" in planned.stdout + planned.stderr
    started = xrstack("up", "stacks/xr_render_demo.yaml", "--profile", "spark", "--without", "cloudxr")
    assert started.returncode == 5, started.stderr
    assert "vllm" in started.stderr


def test_a_port_in_use_is_refused_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 8250)):
        result = xrstack("up", "stacks/xr_render_demo.yaml", "--profile", "embedded")
    assert result.returncode == 2, result.stderr
    assert "8250" in result.stderr
    assert "vec-mcp" in result.stderr
    assert "ready" not in result.stderr
