"""What is loaded before a person sees something: little for `--help`, and for `up` until the first program runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Each costs 1 to 60 ms; fifty roles start in 60.
FORBIDDEN = {
    "dataclasses", "inspect", "typing", "pathlib", "re", "socket", "json", "asyncio", "argparse", "threading",
    "logging", "subprocess", "tempfile", "shutil", "hashlib", "yaml", "pydantic", "typer", "rich", "psutil", "pynvml",
    "xr_ai_config", "xr_ai_launcher._api", "xr_ai_launcher._stack.load", "xr_ai_launcher._setup",
    "xr_ai_launcher._run.supervisor", "xr_ai_launcher._run.report", "xr_ai_launcher._run.readiness",
    "xr_ai_launcher._control", "xr_ai_launcher._view", "xr_ai_launcher.cli._app",
}  # fmt: skip
# `--help` is to come within 150 ms, of which the interpreter and typer take two thirds.
NOT_FOR_HELP = {
    "asyncio", "logging", "socket", "ssl", "hashlib", "tempfile", "yaml", "pydantic", "rich", "textual", "psutil",
    "pynvml", "httpx", "xr_ai_config", "xr_ai_launcher._api", "xr_ai_launcher._stack.load", "xr_ai_launcher._setup",
    "xr_ai_launcher._run", "xr_ai_launcher._control", "xr_ai_launcher._view",
}  # fmt: skip
REPORT_AND_GO_ON = """
import os, sys
spawn = os.posix_spawn
def reporting(*args, **kwargs):
    if not os.path.exists("loaded"):
        open("loaded", "w").write(" ".join(sys.modules))
    return spawn(*args, **kwargs)
os.posix_spawn = reporting
from xr_ai_launcher.cli import main
sys.exit(main(["up", "stack.yaml"]))
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    Path("stack.yaml").write_text("stack: s\nroles: {a: {command: [sh, -c, exit 6]}, b: {command: sleep 600}}")
    return tmp_path


def test_a_stored_plan_starts_with_little_loaded(here: Path) -> None:
    checked = subprocess.run([sys.executable, "-m", "xr_ai_launcher", "check", "stack.yaml"], timeout=60)
    assert checked.returncode == 0
    # -I and -S: what this environment loads into every program is not ours (its path is given by hand).
    path = [each for each in sys.path if each and os.path.isdir(each)]
    script = f"import sys; sys.path[:] = {path!r}\n{REPORT_AND_GO_ON}"
    with open("said", "w") as said:
        ended = subprocess.run([sys.executable, "-I", "-S", "-c", script], stdout=said, stderr=said, timeout=60)
    assert ended.returncode == 6, Path("said").read_text()
    assert sorted(FORBIDDEN.intersection(Path("loaded").read_text().split())) == []


def test_help_is_shown_with_little_loaded() -> None:
    script = """if True:
        import sys
        from xr_ai_launcher.cli import main
        code = main(["--help"])
        print(*sys.modules, file=sys.stderr)
        sys.exit(code)
    """
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stderr
    assert "Commands:" in shown.stdout
    assert sorted(NOT_FOR_HELP.intersection(shown.stderr.split())) == []
