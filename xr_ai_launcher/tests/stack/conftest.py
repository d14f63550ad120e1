"""A folder of stack files, loaded as a command line would."""

import os
import textwrap
from pathlib import Path

import pytest

from xr_ai_config import ConfigError
from xr_ai_launcher._hardware import GpuReport
from xr_ai_launcher._stack.load import LoadedStack, StackOptions, load
from xr_ai_launcher._stack.plan import RolePlan

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

    def role(self, text: str | None = None, name: str = "web", **options: object) -> RolePlan:
        return next(role for role in self.load(text, **options).plan.roles if role.name == name)  # type: ignore[arg-type]

    def errors(self, text: str | None = None, **options: object) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, **options)  # type: ignore[arg-type]
        return [str(problem).splitlines()[0] for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackFolder:
    monkeypatch.chdir(tmp_path)
    return StackFolder(tmp_path)
