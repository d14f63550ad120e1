"""Fetches the peers of the launcher benchmark into deps/bench; one that cannot be had is skipped with a line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ("install_peers",)

_PYTHON_PEERS = ("honcho==2.0.0", "supervisor==4.3.0", "circus==0.19.0")
# Module, version, package of the command, its name. Newest first: the first version to be had is taken.
_GO_PEERS = (
    ("github.com/DarthSim/hivemind", ("v1.1.0",), "", "hivemind"),
    ("github.com/DarthSim/overmind/v2", ("v2.5.1",), "", "overmind"),
    ("github.com/f1bonacc1/process-compose", ("v1.122.0", "v1.120.0", "v1.87.0", "v1.64.1"), "/src", "process-compose"),
)
_TIMEOUT_S = 300


def install_peers(folder: Path) -> list[Path]:
    """Install what is missing and return the folders of programs."""
    programs, environment = folder / "bin", folder / "pyenv"
    programs.mkdir(parents=True, exist_ok=True)
    if not (environment / "bin/honcho").exists():
        _install_python_peers(environment)
    for module, versions, package, name in _GO_PEERS:
        if not (programs / name).exists():
            _install_go_peer(folder / "go" / name, module, versions, module + package, programs / name)
    return [programs, environment / "bin"]


def _install_python_peers(environment: Path) -> None:
    commands = (
        [sys.executable, "-m", "venv", environment],
        [environment / "bin/pip", "install", "--quiet", *_PYTHON_PEERS],
    )
    for command in commands:
        if not _runs(command):
            _skip(", ".join(_PYTHON_PEERS))
            return


def _install_go_peer(folder: Path, module: str, versions: tuple[str, ...], package: str, program: Path) -> None:
    """Build a command as a requirement of an empty module, which asks for one version and no more."""
    if shutil.which("go") is None:
        _skip(f"{program.name} (Go is not installed)")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for version in versions:
        (folder / "go.mod").write_text(f"module bench\n\ngo 1.24\n\nrequire {module} {version}\n")
        (folder / "go.sum").unlink(missing_ok=True)
        label = f"-X {module}/src/config.Version={version}"
        if _runs(["go", "build", "-mod=mod", "-ldflags", label, "-o", program, package], folder):
            return
    _skip(program.name)


def _runs(command: list[str | Path], folder: Path | None = None) -> bool:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, timeout=_TIMEOUT_S, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _skip(name: str) -> None:
    print(f"skip {name}: cannot be installed here", file=sys.stderr)  # noqa: T201
