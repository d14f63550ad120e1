"""The short way for plain commands: reads what the whole command line reads, says what it says, and is short."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from hypothesis import given, settings
from hypothesis import strategies as st

from xr_ai_launcher.cli import _quick, main
from xr_ai_launcher.cli._app import app
from xr_ai_launcher.cli.exit_codes import ExitCode

XRSTACK = Path(sys.executable).parent / "xrstack"
GOOD = "stack: s\nroles:\n  web: {command: [sh, -c, 'echo started; exit 6'], ports: {http: %d}}\nprofiles: {p: {}}\n"
HEAVY = ("typer", "click", "pydantic", "yaml", "psutil", "rich", "typing", "dataclasses", "inspect", "argparse")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "stack.yaml").write_text(GOOD % port)
    return tmp_path


def _whole(verb: str, words: list[str]) -> dict[str, object] | None:
    """Return what the whole command line makes of the words; None: it refuses them."""
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    try:
        return dict(command.make_context(verb, list(words)).params)
    except (Exception, SystemExit):
        return None


_STACKS = ("a.yaml", "b", "", "-", "--")
_PROFILES = ("-p", "--profile", "--profile=x", "-px", "--prof")
_REPEATED = ("--file", "-f", "--file=o.yaml", "--set", "k.v=1", "--set=a=b=c", "--set=", "--only", "--only=c", "a,b")
_WORDS = st.lists(st.sampled_from((*_STACKS, *_PROFILES, *_REPEATED, "--without", "-h", "--json")), max_size=7)


@settings(deadline=None)
@given(verb=st.sampled_from(["up", "check"]), words=_WORDS)
def test_it_reads_what_the_whole_command_line_reads(verb: str, words: list[str]) -> None:
    request = _quick.parse([verb, *words])
    if request is None:
        return
    whole = _whole(verb, words)
    assert whole is not None, "only the whole command line refuses"
    stacks = whole["stacks"] if verb == "check" else [whole["stack"]] if whole["stack"] is not None else []
    assert list(request.stacks) == list(stacks or [])  # type: ignore[call-overload]
    assert request.profile == whole["profile"]
    for key in ("file", "set_", "only", "without"):
        assert list(getattr(request, key)) == list(whole.get(key) or [])  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "words", [["up"], ["up", "s.yaml", "-p", "x"], ["check", "a", "b"], ["up", "--set=a=1", "--without", "a,b"]]
)
def test_ordinary_commands_are_plain(words: list[str]) -> None:
    assert _quick.parse(words) is not None


@pytest.mark.parametrize("words", [["check"], ["check", "--profile", "p", "stack.yaml"]])
def test_it_says_what_a_whole_check_says(words: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _quick.run(words) is None, "nothing is stored yet"
    assert main(words) == 0
    first = capsys.readouterr()
    assert _quick.run(words) == 0
    assert capsys.readouterr() == first


def test_up_runs_a_stored_plan_as_it_runs_a_new_one(here: Path) -> None:
    runs = [subprocess.run([XRSTACK, "up", "-p", "p"], capture_output=True, text=True, timeout=60) for _ in range(2)]
    for run in runs:
        assert run.returncode == 6
        assert "started" in run.stdout
        assert "s: profile p: chosen by --profile\n" in run.stderr


def test_a_taken_port_is_explained_as_ever(here: Path, port: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    with socket.create_server(("127.0.0.1", port)):
        assert _quick.run(["up"]) == ExitCode.BAD_STACK
    said = capfd.readouterr()
    assert f"port {port} is taken by" in said.err
    assert "started" not in said.out


def test_a_stack_that_became_bad_is_found_bad(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    (here / "stack.yaml").write_text("stack: s\nrolse: {}\n")
    assert main(["check"]) == ExitCode.BAD_STACK
    assert "did you mean `roles`?" in capsys.readouterr().err


def test_a_bad_stack_is_never_stored(here: Path) -> None:
    (here / "stack.yaml").write_text("stack: s\nroles: {web: {command: xrstack-none}}\n")
    for _ in range(2):
        assert main(["check"]) == ExitCode.MISSING_PREREQUISITE
        assert main(["up"]) == ExitCode.MISSING_PREREQUISITE
    assert _quick.run(["check"]) is None


def test_it_loads_nothing_that_reads_commands_or_checks_stacks(here: Path) -> None:
    assert main(["check"]) == 0
    script = "import json, sys; from xr_ai_launcher.cli import main; print(json.dumps([main(['check']), *sys.modules]))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    code, *modules = json.loads(result.stdout)
    assert code == 0
    assert [name for name in HEAVY if name in modules] == []


def test_up_of_an_unknown_stack_loads_nothing_that_reads_commands(here: Path) -> None:
    script = "import sys; from xr_ai_launcher.cli import main; print(main(['up']), 'typer' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.splitlines()[-1] == "6 False"


def test_a_stack_is_looked_for_where_the_whole_command_line_looks(here: Path) -> None:
    (here / "stacks").mkdir()
    os.rename("stack.yaml", "stacks/mine.yaml")
    assert main(["check", "mine"]) == 0
    assert _quick.run(["check", "mine"]) == 0
    assert _quick.run(["check"]) is None
