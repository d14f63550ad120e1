"""Every example of a good stack is accepted, every bad one gets exactly the message that lies beside it.

``XRSTACK_UPDATE_EXAMPLES=1`` writes the messages anew, to be read before they are committed.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Verdict = Callable[[Path], str]

EXAMPLES = Path(__file__).parent.parent / "examples"
STACKS = Path(__file__).parents[3] / "stacks"
POSITIVE = sorted(EXAMPLES.glob("positive/*.yaml"))
NEGATIVE = sorted(EXAMPLES.glob("negative/*/*.yaml"))
SHAPE = sorted(EXAMPLES.glob("negative/shape/*.yaml"))


def _name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", POSITIVE, ids=_name)
def test_a_good_stack_has_no_problem(path: Path, verdict: Verdict) -> None:
    assert verdict(path) == ""


@pytest.mark.parametrize("path", NEGATIVE, ids=_name)
def test_a_bad_stack_gets_its_message(path: Path, verdict: Verdict) -> None:
    said = verdict(path).replace(str(path.parent), "FOLDER") + "\n"
    golden = path.with_suffix(".txt")
    if os.environ.get("XRSTACK_UPDATE_EXAMPLES"):
        golden.write_text(said, encoding="utf-8")
    assert said == golden.read_text(encoding="utf-8")
    assert said.strip()


def test_every_message_belongs_to_an_example() -> None:
    assert {path.with_suffix("") for path in EXAMPLES.glob("negative/*/*.txt")} == {p.with_suffix("") for p in NEGATIVE}


def _check_jsonschema(paths: list[Path]) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "check-jsonschema"
    schema = STACKS / "stack.schema.json"
    command = [program, "--color=never", "--schemafile", schema, *paths]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_json_schema_accepts_every_good_stack() -> None:
    result = _check_jsonschema([*POSITIVE, *STACKS.glob("*.yaml")])
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_json_schema_refuses_every_stack_of_a_wrong_shape() -> None:
    output = _check_jsonschema(SHAPE).stdout
    accepted = [path.name for path in SHAPE if f"{path}::" not in output]
    assert accepted == []


def test_examples_and_stacks_name_the_schema_in_their_first_line() -> None:
    for path in [*POSITIVE, *NEGATIVE, *STACKS.glob("*.yaml")]:
        first = path.read_text(encoding="utf-8").splitlines()[0]
        marker, _, reference = first.partition("$schema=")
        assert marker == "# yaml-language-server: ", path
        assert (path.parent / reference).resolve() == (STACKS / "stack.schema.json").resolve(), path
