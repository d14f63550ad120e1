"""Kinds of setup step that an installed package brings: a real distribution, installed into a folder of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from xr_ai_config import ConfigError
from xr_ai_launcher import setup_kinds
from xr_ai_launcher._api import remember
from xr_ai_launcher._stack.load import load
from xr_ai_launcher._stack.options import StackOptions
from xr_ai_launcher._stack.plan import KindStep
from xr_ai_launcher._stack.schema import stack_schema
from xr_ai_launcher._stack.stored import recall
from xr_ai_launcher.cli import main

XRSTACK = Path(sys.executable).parent / "xrstack"
PACKAGE = Path(__file__).parent / "kind_package"
FIRST = "# yaml-language-server: $schema=stack.schema.json\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the package was installed."""
    target = tmp_path_factory.mktemp("kinds")
    command = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--python", sys.executable]
    options = ["--target", str(target), "--no-deps", "--no-build-isolation", "--offline", str(PACKAGE)]
    subprocess.run([*command, *options], check=True, timeout=60)
    return target


@pytest.fixture
def here(tmp_path: Path, installed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for stacks, with the package on the path of this process and of its children."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SOIL", "earth")
    return tmp_path


def _stack(step: str, rest: str = "") -> str:
    return f"stack: s\nsetup:\n  plant: {step}\nroles:\n  a: {{command: [sh, -c, 'echo got $PLANT; exit 3']{rest}}}\n"


def _errors(step: str) -> list[str]:
    Path("stack.yaml").write_text(_stack(step))
    try:
        problems = load(Path("stack.yaml")).problems
    except ConfigError as error:
        problems = error.problems
    return [str(problem).splitlines()[0] for problem in problems]


def _up(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([XRSTACK, "up", *words], capture_output=True, text=True, timeout=60, check=False)


def test_a_step_is_taken_once_and_roles_find_its_result(here: Path) -> None:
    Path("stack.yaml").write_text(_stack("{grow: {to: deps/../plant, size: 8}, export: PLANT}", ", config: plant"))
    first, second = _up(), _up()
    for run in (first, second):
        assert run.returncode == 3, run.stderr
        assert f"got {here / 'plant'}\n" in run.stdout
    assert (here / "plant").read_bytes() == b"x" * 8
    assert "setup plant: growing plant in earth\n" in first.stderr
    assert "plant │ photosynthesis" in first.stdout + first.stderr
    assert "setup" not in second.stderr


def test_wrong_settings_are_reported_at_their_place(here: Path) -> None:
    """A typo, a wrong type, a value out of range, a nested one and a missing one, together with the stack's own."""
    found = _errors("{grow: {sise: 3, size: 0, water: {litres: much}, api_token: 4}, exprot: PLANT}")
    assert found == [
        "stack.yaml:3:17: setup.plant.grow.to: required key is missing",
        "stack.yaml:3:18: setup.plant.grow.sise: unknown key; did you mean `size`?",
        "stack.yaml:3:33: setup.plant.grow.size: wrong value; expected greater than or equal to 1, found number 0",
        'stack.yaml:3:52: setup.plant.grow.water.litres: wrong type; expected a number, found text "much"',
        'stack.yaml:3:70: setup.plant.grow.api_token: wrong type; expected text, found number 4; quote it: "4"',
        "stack.yaml:3:74: setup.plant.exprot: unknown key; did you mean `export`?",
    ]


def test_a_kind_that_stands_alone_is_wrong_when_another_stands_beside_it(here: Path) -> None:
    (problem,) = _errors("{grow: {to: plant}, run: make}")
    assert "needs exactly one of run, binary" in problem
    assert "found run and grow" in problem
    (problem,) = _errors("{grow: {to: plant}, inputs: [a]}")
    assert problem.endswith("setup.plant.inputs: `inputs` belongs to a `run` step; this one is a `grow` step")


def test_settings_that_are_no_mapping_say_what_belongs_there(here: Path) -> None:
    (problem,) = _errors("{grow: plant}")
    assert "expected a mapping with to, size, water, api_token or wait_for, found text" in problem


def test_references_reach_the_settings_and_paths_start_from_their_file(here: Path) -> None:
    (here / "more").mkdir()
    (here / "more/base.yaml").write_text("vars: {n: 7}\nsetup: {plant: {grow: {to: plant, size: '${n}'}}}\n")
    Path("stack.yaml").write_text("stack: s\ninclude: more/base.yaml\nroles: {a: {command: sh}}\n")
    step = load(Path("stack.yaml")).plan.setup[0].step
    assert isinstance(step, KindStep)
    assert json.loads(step.settings)["to"] == str(here / "more/plant")
    assert json.loads(step.settings)["size"] == 7
    assert step.creates == (here / "more/plant",)


def test_a_kind_nobody_installed_is_said_to_be_one(here: Path) -> None:
    (problem,) = _errors("{sow: {to: plant}}")
    assert problem.startswith("stack.yaml:3:11: setup.plant.sow: unknown key; known keys: description, run, ")
    package = "if `sow` is a kind of step that a package adds, install that package"
    assert problem.endswith(f"grow, not-a-kind, not-there; {package}")
    (problem,) = _errors("{grwo: {to: plant}}")
    assert problem.endswith("did you mean `grow`?")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("not-there", "of toy-kinds 1.0 cannot be loaded: ModuleNotFoundError: No module named 'toy_kinds_of_nobody'"),
        ("not-a-kind", "of toy-kinds 1.0 is not a class derived from SetupKind; update toy-kinds 1.0"),
    ],
)
def test_a_package_of_no_use_is_named(here: Path, kind: str, words: str) -> None:
    (problem,) = _errors(f"{{{kind}: {{to: plant}}}}")
    assert problem.startswith(f"stack.yaml:3:{len(kind) + 13}: setup.plant.{kind}: the setup kind `{kind}` {words}")


def test_two_packages_with_one_kind_are_both_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = here / "other" / "rival-2.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 2.0\n")
    (other / "entry_points.txt").write_text("[xr_ai_launcher.setup_kinds]\ngrow = rival:Grow\n")
    monkeypatch.syspath_prepend(str(here / "other"))
    (problem,) = _errors("{grow: {to: plant}}")
    assert "rival 2.0 and toy-kinds 1.0 both offer the setup kind `grow`; uninstall one of them" in problem


def test_a_bug_of_a_kind_is_said_to_be_the_packages(here: Path) -> None:
    Path("stack.yaml").write_text(_stack("{clumsy: {to: plant}}"))
    run = _up()
    assert run.returncode == 5
    assert "setup plant: the setup kind `clumsy` of toy-kinds 1.0 has a bug: TypeError: object of type" in run.stderr
    assert "toy_kinds.py:" in run.stderr


def test_what_a_kind_refuses_is_said_in_its_own_words(here: Path) -> None:
    Path("stack.yaml").write_text(_stack("{grow: {to: plant, size: 101}}"))
    run = _up()
    assert run.returncode == 5
    assert run.stderr == "setup plant: 101 is more than grows here; ask for 100 at most\n"


def test_interrupt_leaves_no_half_result_and_the_next_start_makes_it(here: Path) -> None:
    Path("stack.yaml").write_text(_stack("{grow: {to: plant, wait_for: rain}, export: PLANT}"))
    with subprocess.Popen([XRSTACK, "up"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        assert run.stdout is not None
        while "photosynthesis" not in run.stdout.readline():
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        assert run.wait(30) == 130
    assert [path.name for path in here.iterdir() if "plant" in path.name] == []
    (here / "rain").touch()
    assert _up().returncode == 3
    assert (here / "plant").exists()


def test_plan_and_doctor_tell_of_it_and_hide_secrets(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("stack.yaml").write_text(_stack("{grow: {to: plant, api_token: hush}, export: PLANT}"))
    for words in (["plan"], ["plan", "--json"], ["plan", "--values"], ["doctor", "stack.yaml"]):
        assert main(words) == 0
    out = capsys.readouterr().out
    assert "hush" not in out
    assert "grow as PLANT: to " in out
    assert "setup.plant  would be done" in out
    (here / "plant").write_bytes(b"xxxx")
    assert main(["doctor", "stack.yaml"]) == 0
    assert str(here / "plant") in capsys.readouterr().out


def test_a_stored_plan_ends_with_the_version_of_the_package(here: Path, installed: Path) -> None:
    stack = Path("stack.yaml")
    stack.write_text(_stack("{grow: {to: plant}}"))
    loaded = load(stack)
    remember(loaded, stack, StackOptions())
    assert recall(stack, StackOptions()) == loaded.plan
    metadata = installed / "toy_kinds-1.0.dist-info" / "METADATA"
    text = metadata.read_text()
    metadata.write_text(text.replace("Version: 1.0", "Version: 1.1"))
    try:
        assert recall(stack, StackOptions()) is None
    finally:
        metadata.write_text(text)


def test_editors_know_the_kinds_that_are_installed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    said = capsys.readouterr()
    Path("stack.schema.json").write_text(said.out)
    assert "left out: the setup kind `not-there`" in said.err
    assert json.loads(said.out)["$defs"]["SetupModel"]["properties"]["grow"]["description"].startswith("Grows a file")
    files = {"good": "{grow: {to: a, size: 3, water: {litres: 2}}, needs: [b]}", "bad": "{grow: {to: a, sise: 3}}"}
    for name, step in files.items():
        Path(f"{name}.yaml").write_text(FIRST + _stack(step))
    checker = [str(Path(sys.executable).parent / "check-jsonschema"), "--schemafile", "stack.schema.json"]
    result = subprocess.run(
        [*checker, "good.yaml", "bad.yaml"], capture_output=True, text=True, timeout=60, check=False
    )
    assert "bad.yaml::" in result.stdout
    assert "good.yaml::" not in result.stdout


def test_without_packages_the_schema_takes_any_mapping_and_nothing_else() -> None:
    step = stack_schema()["$defs"]["SetupModel"]
    assert step["additionalProperties"]["type"] == "object"


def test_the_example_in_the_documentation_is_a_kind(tmp_path: Path) -> None:
    """What the public module tells authors to write works as it stands there."""
    text = textwrap.dedent((setup_kinds.__doc__ or "").partition("    class Settings")[2].partition("\nWrong and")[0])
    code = "import shutil\nfrom pydantic import BaseModel\nfrom collections.abc import Mapping\n"
    code += "from xr_ai_launcher.setup_kinds import *\nclass Settings" + text.replace("\n    ", "\n")
    space: dict[str, Any] = {}
    exec(code, space)
    kind, settings = space["Unpack"](), space["Settings"](archive=tmp_path / "a.zip", to=tmp_path / "out")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/file").write_text("x")
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "in")
    assert kind.look(settings, os.environ) is None

    class Quiet:
        environment = os.environ

        def say(self, text: str) -> None:
            pass

    assert kind.take(settings, Quiet()).result == tmp_path / "out"
    assert kind.look(settings, os.environ).result == tmp_path / "out"
    assert (tmp_path / "out/file").read_text() == "x"
