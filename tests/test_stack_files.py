"""The stack files we ship are good, and the mistakes a newcomer makes are answered with place and repair."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from kit.stack import ROOT

XRSTACK = str(Path(sys.executable).parent / "xrstack")


def xrstack(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([XRSTACK, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of everything the demo's stack file refers to, to make mistakes in."""
    for folder in ("stacks", "services", "agent-samples", "client-samples/web-xr-build"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    return tmp_path


def break_line(file: Path, old: str, new: str) -> int:
    """Replace the first line that holds ``old`` and return its number."""
    lines = file.read_text().splitlines(keepends=True)
    number = next(index for index, line in enumerate(lines) if old in line)
    lines[number] = lines[number].replace(old, new)
    file.write_text("".join(lines))
    return number + 1


def test_every_stack_we_ship_is_good() -> None:
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "stacks").glob("*.yaml"))
    result = xrstack("check", *files)
    assert result.returncode == 0, result.stderr


def test_a_typo_in_a_key_is_answered_with_its_place_and_the_right_word(copied: Path) -> None:
    line = break_line(copied / "stacks/xr_render_demo.yaml", "    command: render_mcp", "    comand: render_mcp")
    result = xrstack("check", "stacks/xr_render_demo.yaml", cwd=copied)
    assert result.returncode == 2
    assert f"stacks/xr_render_demo.yaml:{line}:5: " in result.stderr
    assert "command" in result.stderr


def test_a_port_used_twice_names_both_places(copied: Path) -> None:
    line = break_line(copied / "stacks/xr_render_demo.yaml", "http: 8230", "http: 8220")
    result = xrstack("check", "stacks/xr_render_demo.yaml", cwd=copied)
    assert result.returncode == 2
    assert f"stacks/xr_render_demo.yaml:{line}:" in result.stderr
    assert "8220" in result.stderr
    assert "render-mcp" in result.stderr


def test_a_missing_config_file_is_named_with_the_line_that_asks_for_it(copied: Path) -> None:
    (copied / "services/vec-mcp/vec_mcp_server.yaml").unlink()
    result = xrstack("check", "stacks/xr_render_demo.yaml", cwd=copied)
    assert result.returncode == 2
    assert "stacks/xr_render_demo.yaml:" in result.stderr
    assert "vec_mcp_server.yaml" in result.stderr


def test_all_mistakes_are_told_at_once(copied: Path) -> None:
    file = copied / "stacks/xr_render_demo.yaml"
    lines = [
        break_line(file, "    command: render_mcp", "    comand: render_mcp"),
        break_line(file, "http: 8230", "http: eight"),
    ]
    result = xrstack("check", "stacks/xr_render_demo.yaml", cwd=copied)
    assert all(f"stacks/xr_render_demo.yaml:{line}:" in result.stderr for line in lines), result.stderr


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
