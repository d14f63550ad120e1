"""The command line as its users meet it: exit codes, what goes to which stream, and some of it as a process."""

import io
import json
import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from xr_ai_launcher.cli import main
from xr_ai_launcher.cli.exit_codes import ExitCode

XRSTACK = Path(sys.executable).parent / "xrstack"
STACKS = Path(__file__).parents[3] / "stacks"
GOOD = "stack: s\nroles:\n  web: {command: python -m http.server, ports: {http: 8799}}\n"


@pytest.fixture(autouse=True)
def _no_reports_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stack.yaml").write_text(GOOD)
    return tmp_path


def xrstack(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with ExitStack() as context:
        patch = context.enter_context(pytest.MonkeyPatch.context())
        for name, value in environment.items():
            patch.setenv(name, value)
        context.enter_context(chdir(cwd or Path.cwd()))
        context.enter_context(redirect_stdout(out))
        context.enter_context(redirect_stderr(err))
        code = main(arguments)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def xrstack_process(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command as a shell would."""
    command = [str(XRSTACK), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


def test_help_names_every_verb_and_the_exit_codes() -> None:
    result = xrstack_process("--help")
    assert result.returncode == 0
    for verb in ("up", "check", "plan", "graph", "doctor", "schema"):
        assert re.search(rf"^  {verb} ", result.stdout, re.M), verb
    assert "5 something is not installed" in result.stdout


def test_the_list_of_verbs_is_readable_on_a_narrow_terminal() -> None:
    result = xrstack("--help", COLUMNS="80")
    verbs = result.stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(verbs) >= 13
    assert [line for line in verbs if not line.endswith(".") or line.endswith("...")] == []


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("start", "There is no `start`; here it is called `up`."),
        ("status", "There is no `status`; here it is called `ps`."),
        ("my.yaml", "`my.yaml` is a file; to start it: xrstack up my.yaml"),
        ("chekc", "No such command 'chekc'. Did you mean 'check'?"),
    ],
)
def test_a_word_that_is_no_verb_leads_to_one(word: str, answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 2
    assert answer in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["up", "check", "plan", "graph", "doctor", "schema"])
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert re.search(rf"Usage: \S+ {verb}\b", capsys.readouterr().out)


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert xrstack_process("--version").stdout == f"xrstack {version('xr-ai-launcher')}\n"


def test_a_good_stack_is_said_to_be_good_on_stderr(here: Path) -> None:
    result = xrstack("check", cwd=here)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "stack.yaml: good: 1 of 1 roles\n"


def test_a_bad_stack_ends_with_2_and_every_problem(here: Path) -> None:
    (here / "stack.yaml").write_text(GOOD + "  api: {comand: python, ports: {http: 8799}, config: no.yaml}\n")
    result = xrstack("check", cwd=here)
    assert result.returncode == ExitCode.BAD_STACK
    places = [line.split(": ")[0] for line in result.stderr.splitlines() if line.startswith("stack.yaml:")]
    assert places == ["stack.yaml:4:9", "stack.yaml:4:39", "stack.yaml:4:54"]
    assert "error: stack.yaml: 3 problems" in result.stderr


def test_problems_come_as_json_too(here: Path) -> None:
    result = xrstack("check", "--json", "--set", "roles.web.launch=persits", cwd=here)
    (stack,) = json.loads(result.stdout)
    assert result.returncode == ExitCode.BAD_STACK
    assert stack["ok"] is False
    assert stack["problems"][0]["key"] == "roles.web.launch"
    assert stack["problems"][0]["hint"] == "did you mean `persist`?"


def test_a_missing_program_is_not_a_bad_stack_but_ends_with_5(here: Path) -> None:
    text = "stack: s\nroles: {web: {command: xrstack-none, requires: {xrstack-none: get it from the shop}}}\n"
    (here / "stack.yaml").write_text(text)
    for verb in ("check", "up"):
        result = xrstack(verb, cwd=here)
        assert result.returncode == ExitCode.MISSING_PREREQUISITE
        assert "web needs `xrstack-none`, which is not installed here: get it from the shop" in result.stderr


def test_several_stacks_are_checked_together_and_the_worst_decides(here: Path) -> None:
    (here / "bad.yaml").write_text("stack: b\nrolse: {}\n")
    result = xrstack_process("check", "stack.yaml", "bad.yaml", cwd=here)
    assert result.returncode == ExitCode.BAD_STACK
    assert "stack.yaml: good" in result.stderr
    assert "bad.yaml:2:1: rolse: unknown key; did you mean `roles`?" in result.stderr


def test_up_refuses_a_taken_port_before_anything_starts(here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        script = f"stack: s\nroles:\n  web: {{command: [sh, -c, touch started], ports: {{http: {port}}}}}\n"
        (here / "stack.yaml").write_text(script)
        result = xrstack("up", cwd=here)
    assert result.returncode == ExitCode.BAD_STACK
    assert f"port {port} is taken by" in result.stderr
    assert f"(pid {os.getpid()})" in result.stderr
    assert not (here / "started").exists()


def test_check_looks_at_ports_only_when_asked(here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        setting = f"roles.web.ports.http={holder.getsockname()[1]}"
        assert main(["check", "--set", setting]) == 0
        assert main(["check", "--ports", "--set", setting]) == ExitCode.BAD_STACK


def test_without_a_stack_the_candidates_are_named(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "mine.yaml").write_text(GOOD)
    result = xrstack("check", cwd=tmp_path)
    assert result.returncode == ExitCode.BAD_STACK
    assert result.stderr == "no stack.yaml in this folder; name one of stacks/mine.yaml\n"
    assert xrstack("check", "mine", cwd=tmp_path).returncode == 0


def test_an_empty_folder_leads_to_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["up"]) == ExitCode.BAD_STACK
    told = "no stack.yaml in this folder; name a stack file, or write one with `xrstack new`\n"
    assert capsys.readouterr().err == told


def test_check_says_what_is_odd(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setting = "roles.web.ready={tcp: 8001}"
    for _ in range(2):  # the second time from the stored plan
        assert main(["check", "--set", setting]) == 0
        assert "warning: --set:1:17: web is asked on port 8001, its ports are http 8799" in capsys.readouterr().err
    assert main(["check", "--json", "--set", setting]) == 0
    assert "asked on port" in json.loads(capsys.readouterr().out)[0]["warnings"][0]


def test_plan_shows_what_would_run_and_every_value_with_its_line(here: Path) -> None:
    text = xrstack("plan", "--set", "roles.web.env.API_KEY=hunter2", cwd=here)
    assert text.returncode == 0
    assert "-m http.server" in text.stdout
    assert "hunter2" not in text.stdout
    assert "at stack.yaml:3:3" in text.stdout
    values = xrstack("plan", "--values", cwd=here).stdout
    assert re.search(r"^roles\.web\.ports\.http = 8799 +# stack\.yaml:3:55$", values, re.M)


def test_plan_is_data_for_programs(here: Path) -> None:
    result = xrstack(
        "plan", "--json", "--set", "roles.web.ready={tcp: http}", "--set", "roles.web.env.TOKEN=x", cwd=here
    )
    plan = json.loads(result.stdout)
    (role,) = plan["roles"]
    assert role["ready"] == {"kind": "tcp", "host": "127.0.0.1", "port": 8799}
    assert role["env"] == {"TOKEN": "********"}
    assert plan["values"]["roles.web.ports.http"] == {"value": 8799, "where": "stack.yaml:3:55"}
    assert plan["values"]["roles.web.env.TOKEN"]["value"] == "********"


def test_plan_of_a_gpu_profile_shows_its_roles_and_what_they_miss() -> None:
    result = xrstack("plan", str(STACKS / "xr_render_demo.yaml"), "--profile", "spark")
    assert result.returncode == 0
    assert "vllm serve" in result.stdout
    assert "needs vllm: install vLLM" in result.stdout


def test_graph_draws_who_waits_for_whom(capsys: pytest.CaptureFixture[str]) -> None:
    stack = str(STACKS / "echo.yaml")
    assert main(["graph", stack]) == 0
    assert "reader\n  waits for web\n  uses web\n" in capsys.readouterr().out
    assert main(["graph", stack, "--mermaid"]) == 0
    mermaid = capsys.readouterr().out
    assert mermaid.startswith("flowchart LR\n")
    assert "reader --> web" in mermaid
    assert main(["graph", stack, "--json"]) == 0
    assert {"from": "reader", "to": "web", "kind": "after"} in json.loads(capsys.readouterr().out)["edges"]


def test_doctor_lists_what_is_there_and_what_is_missing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert "python" in capsys.readouterr().out
    (here / "stack.yaml").write_text("stack: s\nroles: {web: {command: xrstack-none}}\n")
    assert main(["doctor", "stack.yaml", "--json"]) == ExitCode.MISSING_PREREQUISITE
    findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert findings["roles.web.command"]["ok"] is False
    assert "xrstack-none" in findings["roles.web.command"]["found"]


def test_schema_writes_the_committed_schema() -> None:
    assert xrstack("schema").stdout == (STACKS / "stack.schema.json").read_text(encoding="utf-8")


def test_wrong_options_end_with_2_and_a_hint(here: Path) -> None:
    result = xrstack_process("check", "--profil", "x", cwd=here)
    assert result.returncode == 2
    assert "--profile" in result.stderr


def test_output_has_no_colour_when_nobody_looks_or_nobody_wants_it(here: Path) -> None:
    assert "\x1b" not in xrstack("check", cwd=here).stderr
    assert "\x1b" not in xrstack("doctor", cwd=here, NO_COLOR="1").stdout


def test_a_terminal_gets_colour_unless_no_color_is_set(here: Path) -> None:
    def on_terminal(**environment: str) -> bytes:
        master, slave = os.openpty()
        try:
            env = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | environment
            subprocess.run([str(XRSTACK), "check"], cwd=here, env=env, stderr=slave, check=True, timeout=60)
            return os.read(master, 4096)
        finally:
            os.close(master)
            os.close(slave)

    assert b"\x1b[32m" in on_terminal()
    assert b"\x1b" not in on_terminal(NO_COLOR="1")


def test_a_bug_of_ours_ends_with_3_and_a_report_file(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("xr_ai_launcher._stack.schema.schema_text", lambda _: 1 // 0)
    assert main(["schema"]) == ExitCode.BUG
    told = capsys.readouterr().err
    report = Path(told.split("A report for it is in ")[1].strip())
    assert report.is_relative_to(here / "state")
    assert "ZeroDivisionError" in report.read_text()
    assert "Traceback" not in told


def test_an_interrupt_ends_with_130(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("xr_ai_launcher._stack.schema.schema_text", interrupted)
    assert main(["schema"]) == ExitCode.INTERRUPTED


def test_a_reader_that_stops_reading_is_no_bug(here: Path) -> None:
    result = subprocess.run(
        f"{XRSTACK} schema | head -1", shell=True, capture_output=True, text=True, check=False, timeout=60
    )
    assert result.stdout == "{\n"
    assert result.stderr == ""


def test_a_product_has_a_shortcut_of_its_own(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--json"], stack=STACKS / "echo.yaml") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "echo"
    (here / "bad.yaml").write_text("rolse: {}\n")
    assert main([], stack=here / "bad.yaml") == ExitCode.BAD_STACK
    assert "rolse" in capsys.readouterr().err
