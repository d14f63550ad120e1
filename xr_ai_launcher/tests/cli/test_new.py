"""`new`: a file that checks, runs and explains itself, and never costs one that was there."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from xr_ai_launcher.cli import main
from xr_ai_launcher.cli.exit_codes import ExitCode

XRSTACK = Path(sys.executable).parent / "xrstack"
STACKS = Path(__file__).parents[3] / "stacks"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_the_new_stack_is_good_and_says_how_to_start_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new"]) == 0
    assert capsys.readouterr().err == "wrote stack.yaml\nstart it with: xrstack up\n"
    assert main(["check"]) == 0
    assert main(["check", "--profile", "loud"]) == 0


def test_it_has_the_shape_that_editors_check() -> None:
    main(["new"])
    checker = Path(sys.executable).parent / "check-jsonschema"
    schema = STACKS / "stack.schema.json"
    result = subprocess.run([checker, "--schemafile", schema, "stack.yaml"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout


def test_what_is_commented_out_is_good_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer removes the # and must not meet an error of ours."""
    main(["new"])
    text = Path("stack.yaml").read_text()
    lines = [re.sub(r"^( *)# (?=[ a-z_-]+: |  )", r"\1", line) for line in text.splitlines()[5:]]
    lines = [re.sub(r"^( *)#(?= {3,})", r"\1 ", line) for line in lines]
    lines = [re.sub(r"^( *)# (setup:)", r"\1\2", line) for line in lines]
    Path("all.yaml").write_text("\n".join(lines) + "\n")
    Path("other.yaml").write_text("roles: {}\n")
    Path(".env").write_text("")
    Path("package.json").write_text("")
    Path("src").mkdir()
    monkeypatch.setenv("API_TOKEN", "x")
    assert main(["check", "all.yaml", "--profile", "loud"]) == 0
    plan = subprocess.run([XRSTACK, "plan", "all.yaml", "-p", "loud"], capture_output=True, text=True, timeout=60)
    for words in ("after web", "gpu 0", "on exit restart", "find a program as TOOL_BIN", "secrets  API_TOKEN"):
        assert words in plan.stdout, plan.stdout


def test_it_runs(free_port: int) -> None:
    main(["new"])
    command = [XRSTACK, "up", "--set", f"roles.web.ports.http={free_port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any("2 roles ready" in line for line in lines)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(30) == 130


def test_a_file_that_is_there_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("stack.yaml").write_text("mine\n")
    assert main(["new"]) == ExitCode.BAD_STACK
    assert Path("stack.yaml").read_text() == "mine\n"
    assert "stack.yaml exists and is left as it is" in capsys.readouterr().err


def test_it_can_be_written_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "stacks/mine.yaml"]) == 0
    assert "start it with: xrstack up stacks/mine.yaml" in capsys.readouterr().err
    assert main(["check", "mine"]) == 0
    assert main(["new", "stacks/mine.yaml/no"]) == ExitCode.BAD_STACK
    assert "cannot be written" in capsys.readouterr().err
