"""``xrstack doctor``: what this machine has, and what a stack would miss on it."""

import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from xr_ai_launcher.cli import _options as options
from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from xr_ai_launcher._stack.load import LoadedStack
    from xr_ai_launcher._stack.plan import BinarySource

__all__ = ("doctor",)

_MARKS = {True: ("ok  ", _output.GREEN), False: ("MISS", _output.RED)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about this machine; ``fix`` says what to do when it is not ``ok``."""

    name: str
    ok: bool
    found: str
    fix: str = ""


@verb
def doctor(
    stack: Annotated[
        str | None, typer.Argument(metavar="STACK", help="Also look at what this stack needs (default: none).")
    ] = None,
    profile: options.ProfileOption = None,
    file: options.OverlayOption = None,
    set_: options.SetOption = None,
    json_: options.JsonOption = False,
) -> int:
    """Look at this machine: interpreter, graphics cards and, for a stack, the programs, sources and ports it needs."""
    findings = list(_machine())
    if stack is not None:
        from xr_ai_launcher._api import open_stack

        findings += _stack(open_stack(options.find_stack(stack), options.stack_options(profile, file, set_)))
    if json_:
        _output.data(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        _output.data("\n".join(_lines(findings)))
    return ExitCode.OK if all(finding.ok for finding in findings) else ExitCode.MISSING_PREREQUISITE


def _lines(findings: list[Finding]) -> Iterator[str]:
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        word, color = _MARKS[finding.ok]
        yield f"{_output.painted(word, color, to_stdout=True)}  {finding.name:<{width}}  {finding.found}"
        if not finding.ok and finding.fix:
            yield f"      {'':<{width}}  → {finding.fix}"


def _machine() -> Iterator[Finding]:
    from xr_ai_launcher._hardware import pin_environment, read_gpus

    yield Finding("python", True, f"{platform.python_version()} at {sys.executable}")
    system = f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores"
    is_linux = sys.platform == "linux"
    yield Finding("system", is_linux, system, "" if is_linux else "stopping a whole process tree is only sure on Linux")
    report = read_gpus()
    if not report.gpus:
        yield Finding("gpu", True, f"none: {report.note}")
    for gpu in report.gpus:
        pins = " ".join(f"{key}={value}" for key, value in pin_environment(gpu, report).items())
        yield Finding(f"gpu {gpu.index}", True, f"{gpu} at {gpu.pci_address}; pinned by {pins}")


def _stack(loaded: "LoadedStack") -> Iterator[Finding]:
    from xr_ai_launcher._api import find_problems
    from xr_ai_launcher._stack.ports import check_ports

    plan = loaded.plan
    yield Finding("profile", True, f"{plan.profile or 'none'}: {plan.profile_reason}")
    findings = find_problems(loaded, with_ports=False)
    for problem in (*findings.problems, *findings.missing):
        yield Finding(problem.key_path, False, problem.message, problem.hint)
    yield from _setup(loaded)
    taken = check_ports(loaded)
    for problem in taken:
        yield Finding(problem.key_path, False, problem.message, problem.hint)
    if not taken:
        ports = sorted(port for role in plan.enabled_roles for port in role.ports.values())
        yield Finding("ports", True, f"free: {', '.join(map(str, ports))}" if ports else "none needed")


def _setup(loaded: "LoadedStack") -> Iterator[Finding]:
    from xr_ai_launcher._setup.errors import SetupError
    from xr_ai_launcher._setup.kind_step import look
    from xr_ai_launcher._stack.plan import BinaryStep, KindStep
    from xr_ai_launcher._stack.programs import find_program

    for step in loaded.plan.enabled_setup:
        for need in step.requires:
            found = find_program(need.command, os.path.dirname(loaded.plan.source))
            fix = need.hint or f"install {need.command}; the setup step {step.name} uses it"
            yield Finding(
                f"setup.{step.name} needs {need.command}", found is not None, str(found or "not installed"), fix
            )
        if isinstance(step.step, BinaryStep):
            states = [_source_state(source) for source in step.step.sources]
            yield Finding(f"setup.{step.name}", True, "; ".join(filter(None, states)) or "no source")
        elif isinstance(step.step, KindStep):
            try:
                is_current, result = look(step.step, os.environ)
            except (SetupError, OSError) as error:
                yield Finding(f"setup.{step.name}", False, str(error))
            else:
                yield Finding(f"setup.{step.name}", True, str(result or "done") if is_current else "would be done")


def _source_state(source: "BinarySource") -> str:
    from pathlib import Path

    from xr_ai_launcher._stack import plan
    from xr_ai_launcher._stack.programs import find_program

    match source:
        case plan.EnvSource(variable=name):
            return f"${name} {'= ' + os.environ[name] if os.environ.get(name) else 'is not set'}"
        case plan.PathSource(command=name):
            return f"{name} on PATH: {find_program(name, Path.cwd()) or 'no'}"
        case plan.FileSource(path=path):
            return f"{path} {'exists' if path.exists() else 'does not exist'}"
        case plan.DownloadSource() | plan.GoSource():
            return f"{source.result} {'exists' if source.result.exists() else 'would be fetched'}"
        case _:
            return ""
