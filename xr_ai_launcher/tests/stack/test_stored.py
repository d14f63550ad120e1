"""Stored plans: used while everything they were made from is the same, never a moment longer."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from xr_ai_launcher._api import find_problems, read_stack, remember
from xr_ai_launcher._hardware import Gpu, GpuReport
from xr_ai_launcher._stack.load import LoadedStack
from xr_ai_launcher._stack.options import StackOptions
from xr_ai_launcher._stack.stored import recall

NO_GPU = GpuReport(note="no NVIDIA driver")
STACK = """\
stack: s
include: more.yaml
vars: {word: "${env.WORD:-none}"}
setup:
  built: {run: [tool, "${word}"], dir: sub, inputs: [source.txt], creates: made}
  found: {export: FOUND, binary: [{env: FOUND}, {path: sh}, {download: {url: "http://127.0.0.1/x", to: deps}}]}
roles:
  web:
    command: [tool, "${setup.found}"]
    dir: sub
    config: web.yaml
    env_file: web.env
    ports: {http: 8799}
    ready: {http: {url: "http://127.0.0.1:8799/", status: [200, 204]}}
    requires: {tool: get it}
    stop: {grace: 2s}
profiles:
  small: {match: {gpus: 0}}
  big: {match: {gpus: ">=1"}, roles: {web: {gpu: 0}}}
"""


class Cards:
    """The graphics cards of this machine, as far as a stack is concerned."""

    report = NO_GPU


@pytest.fixture(autouse=True)
def cards(monkeypatch: pytest.MonkeyPatch) -> Cards:
    cards = Cards()
    for module in ("load", "surroundings"):
        monkeypatch.setattr(f"xr_ai_launcher._stack.{module}.read_gpus", lambda: cards.report)
    # `load` takes the function as a default value, which was bound when the module was loaded.
    monkeypatch.setattr("xr_ai_launcher._stack.load.load.__kwdefaults__", {"read_report": lambda: cards.report})
    return cards


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a stack that uses everything a plan can depend on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'first'}:{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("WORD", "hello")
    files = {
        "stack.yaml": STACK,
        "more.yaml": "roles: {aux: {command: [tool]}}\n",
        "overlay.yaml": "roles: {web: {env: {A: 1}}}\n",
        "sub/web.yaml": "",
        "web.yaml": "",
        "sub/source.txt": "",
        "web.env": "COLOR=red\n",
        "bin/tool": "#!/bin/sh\n",
        "first/other": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / "bin/tool").chmod(0o755)
    return tmp_path


STACK_FILE = Path("stack.yaml")
OPTIONS = StackOptions(overlays=[Path("overlay.yaml")], assignments=["roles.web.env.B=2"])


def checked(options: StackOptions = OPTIONS) -> LoadedStack:
    """Check the stack as `up` and `check` do, and store its plan."""
    loaded = read_stack(STACK_FILE, options)
    findings = find_problems(loaded, with_ports=False)
    assert not findings.problems
    assert not findings.missing
    remember(loaded, STACK_FILE, options)
    return loaded


def test_a_stored_plan_is_the_plan(here: Path) -> None:
    assert recall(STACK_FILE, OPTIONS) is None
    assert recall(STACK_FILE, OPTIONS) is None, "asking stores nothing"
    plan = checked().plan
    assert recall(STACK_FILE, OPTIONS) == plan
    assert recall(STACK_FILE, StackOptions()) is None, "another call is another plan"


def _append(name: str, text: str) -> Callable[[Path], object]:
    def change(here: Path) -> None:
        path = here / name
        before = path.stat()
        path.write_text(path.read_text() + text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # the time of a file proves nothing

    return change


def _remove(name: str) -> Callable[[Path], object]:
    return lambda here: (here / name).rename(here / "gone")


def _earlier_tool(here: Path) -> None:
    (here / "first/tool").write_text("#!/bin/sh\n")
    (here / "first/tool").chmod(0o755)


CHANGES: dict[str, Callable[[Path], object]] = {
    "the stack file": _append("stack.yaml", "# a word\n"),
    "an included file": _append("more.yaml", "  more: {command: [tool]}\n"),
    "an overlay": _append("overlay.yaml", "# a word\n"),
    "an env_file": _append("web.env", "SIZE=1\n"),
    "a file that vanishes": _remove("web.yaml"),
    "an input that vanishes": _remove("sub/source.txt"),
    "a program that vanishes": _remove("bin/tool"),
    "a program that may no longer be run": lambda here: (here / "bin/tool").chmod(0o644),
    "a program that another one hides": _earlier_tool,
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_file_makes_a_plan_stale(what: str, here: Path) -> None:
    checked()
    CHANGES[what](here)
    assert recall(STACK_FILE, OPTIONS) is None


def test_a_file_nobody_asked_for_may_change(here: Path) -> None:
    plan = checked().plan
    (here / "first/other").write_text("changed")
    (here / "sub/source.txt").write_text("setup steps look at it themselves")
    assert recall(STACK_FILE, OPTIONS) == plan


@pytest.mark.parametrize("value", ["bye", None])
def test_a_variable_makes_a_plan_stale(value: str | None, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked()
    if value is None:
        monkeypatch.delenv("WORD")
    else:
        monkeypatch.setenv("WORD", value)
    assert recall(STACK_FILE, OPTIONS) is None


def test_a_variable_that_was_not_set_makes_a_plan_stale_when_it_is(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORD")
    checked()
    assert recall(STACK_FILE, OPTIONS) is not None
    monkeypatch.setenv("WORD", "")
    assert recall(STACK_FILE, OPTIONS) is None


def test_other_cards_make_a_plan_stale(here: Path, cards: Cards) -> None:
    assert checked().plan.profile == "small"
    cards.report = GpuReport((Gpu(0, "NVIDIA L4", (8, 9), 24 << 30, "0000:00:1e.0", 0x10DE, 0x27B8),))
    assert recall(STACK_FILE, OPTIONS) is None
    assert checked().plan.profile == "big"
    assert recall(STACK_FILE, OPTIONS) is not None


OTHER_CALLS = {
    "profile": StackOptions(profile="small"),
    "overlay": StackOptions(overlays=[Path("overlay.yaml")]),
    "assignment": StackOptions(assignments=["roles.web.gpu=1"]),
    "only": StackOptions(only=["web"]),
    "without": StackOptions(without=["aux"]),
}


@pytest.mark.parametrize("what", OTHER_CALLS)
def test_every_option_makes_a_plan_of_its_own(what: str, here: Path) -> None:
    plain = checked(StackOptions()).plan
    assert recall(STACK_FILE, OTHER_CALLS[what]) is None
    assert recall(STACK_FILE, StackOptions()) == plain


def test_a_plan_is_of_one_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages name places as seen from where the command was given."""
    checked()
    monkeypatch.chdir(here / "sub")
    assert recall(Path("../stack.yaml"), OPTIONS) is None


def test_other_code_checks_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked()
    monkeypatch.setattr("xr_ai_launcher._stack.stored._stamp", lambda folder: "newer")
    assert recall(STACK_FILE, OPTIONS) is None


def _entry(cache: Path) -> Path:
    (entry,) = (cache / "xrstack/plans").iterdir()
    return entry


@pytest.mark.parametrize("text", ["", "{}", "[1]", "null", '{"key": 1, "code": {}, "facts": [], "plan": {}}'])
def test_a_damaged_entry_is_made_anew(text: str, here: Path, own_cache: Path) -> None:
    plan = checked().plan
    _entry(own_cache).write_text(text)
    assert recall(STACK_FILE, OPTIONS) is None
    checked()
    assert recall(STACK_FILE, OPTIONS) == plan


def test_an_entry_cut_anywhere_is_made_anew(here: Path, own_cache: Path) -> None:
    checked()
    entry = _entry(own_cache)
    whole = entry.read_bytes()
    for length in range(0, len(whole), 97):
        entry.write_bytes(whole[:length])
        assert recall(STACK_FILE, OPTIONS) is None


def test_an_entry_changed_anywhere_is_made_anew(here: Path, own_cache: Path) -> None:
    checked()
    entry = _entry(own_cache)
    whole = entry.read_bytes()
    for place in range(0, len(whole), 97):
        entry.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        assert recall(STACK_FILE, OPTIONS) is None
    entry.write_bytes(whole)
    assert recall(STACK_FILE, OPTIONS) is not None


def test_nobody_else_may_read_or_write_an_entry(here: Path, own_cache: Path) -> None:
    checked()
    entry = _entry(own_cache)
    assert entry.stat().st_mode & 0o777 == 0o600
    assert entry.parent.stat().st_mode & 0o777 == 0o700
    entry.chmod(0o622)
    assert recall(STACK_FILE, OPTIONS) is None


SECRETS = {
    "in the stack": ("env: {API_KEY: hunter2}", {}),
    "from the environment": ('vars: {word: "${env.HF_TOKEN}"}', {"HF_TOKEN": "hunter2"}),
    "from a file": ("env_file: secrets.env", {}),
}


@pytest.mark.parametrize("where", SECRETS)
def test_a_plan_with_a_secret_is_not_stored(
    where: str, here: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, environment = SECRETS[where]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (here / "secrets.env").write_text("DB_PASSWORD=hunter2\n")
    (here / "stack.yaml").write_text(f"stack: s\n{text}\nroles: {{web: {{command: [tool]}}}}\n")
    checked(StackOptions())
    assert not list(own_cache.rglob("*.json"))


def test_where_nothing_can_be_kept_nothing_is(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "file"))
    checked()
    assert recall(STACK_FILE, OPTIONS) is None


def test_old_plans_make_room(here: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xr_ai_launcher._stack.stored._KEPT_PLANS", 3)
    for number in range(6):
        checked(StackOptions(assignments=[f"roles.web.env.N={number}"]))
    assert len(list((own_cache / "xrstack/plans").iterdir())) == 3
