"""Completion scripts, and what they get when they ask."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xr_ai_launcher.cli import main

XRSTACK = Path(sys.executable).parent / "xrstack"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_has_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_XRSTACK_COMPLETE" in capsys.readouterr().out


def test_an_unknown_shell_is_refused_with_those_that_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "bash" in capsys.readouterr().err


def _in_bash(words: str, folder: Path) -> list[str]:
    """Ask bash itself, with the script loaded, what could follow."""
    script = f"""
        eval "$({XRSTACK} completion bash)"
        COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _xrstack_completion {XRSTACK}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {**os.environ, "PATH": f"{XRSTACK.parent}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60, cwd=folder, env=environment
    )
    return result.stdout.split()


def test_bash_completes_verbs_options_and_stacks(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks/mine.yaml").touch()
    (tmp_path / "my.yaml").touch()
    assert _in_bash(f"{XRSTACK} che", tmp_path) == ["check"]
    assert "--profile" in _in_bash(f"{XRSTACK} up --pro", tmp_path)
    assert _in_bash(f"{XRSTACK} up m", tmp_path) == ["mine", "my.yaml"]
    assert _in_bash(f"{XRSTACK} up stacks/", tmp_path) == ["stacks/mine.yaml"]
