"""A folder of stack files, loaded as a command line would."""

import os
import shlex
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from xr_ai_config import ConfigError
from xr_ai_launcher._api import find_problems
from xr_ai_launcher._hardware import GpuReport
from xr_ai_launcher._stack.load import LoadedStack, StackOptions, load
from xr_ai_launcher._stack.plan import RolePlan
from xr_ai_launcher.cli._quick import parse

_OPTIONS, _MIRRORS = "# options: ", "# XRSTACK_MIRRORS="
NO_GPU = GpuReport(note="no NVIDIA driver")


class StackFolder:
    """Writes stack files and loads them; files are named as a person in the folder would."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str, name: str = "stack.yaml") -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return Path(os.path.relpath(path))

    def load(self, text: str | None = None, *, report: GpuReport = NO_GPU, **options: object) -> LoadedStack:
        path = Path("stack.yaml") if text is None else self.write(text)
        loaded = load(path, StackOptions(**options), read_report=lambda: report)  # type: ignore[arg-type]
        if loaded.problems:
            raise ConfigError(loaded.problems)
        return loaded

    def load_all(self) -> LoadedStack:
        """Load ``stack.yaml`` with whatever is wrong in it."""
        return load(Path("stack.yaml"), StackOptions(), read_report=lambda: NO_GPU)

    def role(self, text: str | None = None, name: str = "web", **options: object) -> RolePlan:
        return next(role for role in self.load(text, **options).plan.roles if role.name == name)  # type: ignore[arg-type]

    def errors(self, text: str | None = None, **options: object) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, **options)  # type: ignore[arg-type]
        return [str(problem).splitlines()[0] for problem in caught.value.problems]


def _verdict(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    words = [word for line in lines if line.startswith(_OPTIONS) for word in shlex.split(line.removeprefix(_OPTIONS))]
    request = parse(["up", *words])
    assert request is not None, words
    try:
        findings = find_problems(load(path, request.options(), read_report=lambda: NO_GPU), with_ports=False)
    except ConfigError as error:
        return str(error)
    parts = [str(ConfigError(problems)) for problems in (findings.problems, findings.missing) if problems]
    return "\n".join(parts)


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], str]:
    """Say what `xrstack check` does of a stack on a machine without GPU, with the options that its text names."""
    # What some examples refer to, and what the machine must not decide.
    for name, value in {"XRSTACK_EMPTY": "", "HOME": "/home/someone", "PATH": "/usr/bin:/bin"}.items():
        monkeypatch.setenv(name, value)

    def say(path: Path) -> str:
        with monkeypatch.context() as context:
            context.chdir(path.parent)
            mirrors = [line for line in path.read_text().splitlines() if line.startswith(_MIRRORS)]
            if mirrors:
                context.setenv("XRSTACK_MIRRORS", mirrors[0].removeprefix(_MIRRORS))
            return _verdict(Path(path.name))

    return say


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackFolder:
    monkeypatch.chdir(tmp_path)
    return StackFolder(tmp_path)
