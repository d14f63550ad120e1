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


_ASK = """
    eval "$(xrstack completion bash)"
    ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _xrstack_completion xrstack; echo "${COMPREPLY[@]}"; }
    ask xrstack che
    ask xrstack up --pro
    ask xrstack up m
    ask xrstack up stacks/
"""


def test_bash_completes_verbs_options_and_stacks(tmp_path: Path) -> None:
    """Bash itself is asked, with the script loaded."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks/mine.yaml").touch()
    (tmp_path / "my.yaml").touch()
    environment = {**os.environ, "PATH": f"{XRSTACK.parent}:{os.environ['PATH']}"}
    command = ["bash", "-c", _ASK]
    result = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=110, cwd=tmp_path, env=environment
    )
    verb, option, stack, folder = (line.split() for line in result.stdout.splitlines())
    assert verb == ["check"]
    assert "--profile" in option
    assert stack == ["mine", "my.yaml"]
    assert folder == ["stacks/mine.yaml"]
