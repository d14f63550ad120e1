"""Secrets: named in the stack, set elsewhere, missed before anything starts, and never shown or stored."""

import json
from pathlib import Path
from typing import Any

import pytest

from xr_ai_launcher._api import find_problems
from xr_ai_launcher._stack.checks import Findings
from xr_ai_launcher.cli import main
from xr_ai_launcher.cli.exit_codes import ExitCode

STACK = """\
stack: s
secrets: {HF_PASS: make one at the hub}
roles:
  web: {command: [sh], secrets: [WEB_PASS]}
  api: {command: [sh]}
"""


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_PASS", "WEB_PASS"):
        monkeypatch.delenv(name, raising=False)


def _findings(folder: Any, text: str = STACK) -> Findings:
    return find_problems(folder.load(text), with_ports=False)


def test_an_absent_secret_is_missed_with_where_to_get_and_to_set_it(folder: Any) -> None:
    findings = _findings(folder)
    assert findings.problems == ()
    first, second = map(str, findings.missing)
    assert first.startswith(
        "stack.yaml:2:11: secrets.HF_PASS: the secret HF_PASS is not set, which web, api need: make"
    )
    assert "make one at the hub" in first
    assert "export HF_PASS=… before the start, or put HF_PASS=… into an `env_file`" in first
    assert second.startswith("stack.yaml:4:34: roles.web.secrets[0]: the secret WEB_PASS is not set, which web needs")


def test_secrets_may_come_from_the_environment_or_a_file(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_PASS", "hunter2")
    (folder.path / "web.env").write_text("WEB_PASS=hunter3\n")
    text = STACK.replace("secrets: [WEB_PASS]", "secrets: [WEB_PASS], env_file: web.env")
    assert _findings(folder, text) == Findings()


def test_an_empty_secret_is_none(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_PASS", "")
    assert len(_findings(folder).missing) == 2


def test_a_role_that_is_off_needs_no_secret(folder: Any) -> None:
    text = STACK.replace("secrets: [WEB_PASS]", "secrets: [WEB_PASS], enabled: false")
    assert [problem.key_path for problem in _findings(folder, text).missing] == ["secrets.HF_PASS"]
    assert folder.load(text).plan.secrets == ("HF_PASS",)


def test_the_plan_names_them_for_whoever_hides_their_values(folder: Any) -> None:
    assert folder.load(STACK).plan.secrets == ("HF_PASS", "WEB_PASS")


def test_a_profile_can_need_more(folder: Any) -> None:
    text = STACK + "profiles: {hosted: {secrets: {API_PASS: ask the host}}}\n"
    assert set(folder.load(text, profile="hosted").plan.secrets) == {"HF_PASS", "API_PASS", "WEB_PASS"}


def test_check_ends_with_5_until_they_are_set(
    folder: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.write(STACK)
    assert main(["check"]) == ExitCode.MISSING_PREREQUISITE
    for name in ("HF_PASS", "WEB_PASS"):
        monkeypatch.setenv(name, "hunter2")
    assert main(["check"]) == 0
    monkeypatch.delenv("WEB_PASS")
    assert main(["check"]) == ExitCode.MISSING_PREREQUISITE, "a stored plan does not hide that one is gone"


def test_their_values_are_neither_shown_nor_stored(
    folder: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_cache: Path
) -> None:
    monkeypatch.setenv("HF_PASS", "hunter2")
    (folder.path / "web.env").write_text("WEB_PASS=hunter3\n")
    folder.write(STACK.replace("secrets: [WEB_PASS]", "secrets: [WEB_PASS], env_file: web.env"))
    for words in (["check"], ["plan"], ["plan", "--values"], ["plan", "--json"], ["doctor", "stack.yaml"]):
        assert main(words) == 0
        said = capsys.readouterr()
        assert "hunter" not in said.out + said.err, words
    stored = [path.read_text() for path in own_cache.rglob("*") if path.is_file()]
    assert not any("hunter" in text for text in stored)


def test_the_plan_lists_their_names(folder: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder.write(STACK)
    main(["plan"])
    assert "secrets  HF_PASS, WEB_PASS" in capsys.readouterr().out
    main(["plan", "--json"])
    assert json.loads(capsys.readouterr().out)["secrets"] == ["HF_PASS", "WEB_PASS"]


@pytest.mark.parametrize(("written", "size"), [("64MiB", 64 << 20), ("1.5GB", 1_500_000_000), ("4096", 4096)])
def test_log_files_have_a_size(folder: Any, written: str, size: int) -> None:
    logs = folder.load(f"stack: s\nlogs: {{part: {written}, keep: 0}}\nroles: {{}}\n").plan.logs
    assert (logs.part_bytes, logs.keep) == (size, 0)
