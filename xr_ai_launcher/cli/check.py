"""``xrstack check``: everything that can be known without starting anything."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xr_ai_launcher.cli import _options as options
from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from xr_ai_config import Problem
    from xr_ai_launcher._stack.options import StackOptions

__all__ = ("check",)


@verb
def check(
    stacks: options.StacksArgument = None,
    profile: options.ProfileOption = None,
    file: options.OverlayOption = None,
    set_: options.SetOption = None,
    ports: Annotated[bool, typer.Option("--ports", help="Also check that the ports are free now.")] = False,
    json_: options.JsonOption = False,
) -> int:
    """Check stack files: keys, values, references, files, commands, ports used twice. Starts nothing."""
    wanted = options.stack_options(profile, file, set_)
    results = [_check_one(name, wanted, ports) for name in (stacks or (None,))]
    if json_:
        _output.data(json.dumps([result.as_json() for result in results], indent=2, ensure_ascii=False))
    else:
        for result in results:
            result.tell()
    return max((result.code for result in results), key=_severity)


def _severity(code: int) -> int:
    return [ExitCode.OK, ExitCode.MISSING_PREREQUISITE, ExitCode.BAD_STACK].index(ExitCode(code))


class _Result:
    """What checking one stack file came to."""

    def __init__(
        self,
        name: str,
        summary: str,
        problems: "Sequence[Problem]",
        missing: "Sequence[Problem]",
        warnings: "Sequence[str]" = (),
    ) -> None:
        self.name, self.summary, self.problems, self.missing = name, summary, problems, missing
        self.warnings = warnings

    @property
    def code(self) -> int:
        if self.problems:
            return ExitCode.BAD_STACK
        return ExitCode.MISSING_PREREQUISITE if self.missing else ExitCode.OK

    def as_json(self) -> dict[str, Any]:
        return {
            "stack": self.name,
            "ok": self.code == ExitCode.OK,
            "problems": [problem.as_json() for problem in self.problems],
            "missing": [problem.as_json() for problem in self.missing],
            "warnings": list(self.warnings),
        }

    def tell(self) -> None:
        for problem in (*self.problems, *self.missing):
            _output.note(str(problem))
        for warning in self.warnings:
            _output.note(f"warning: {warning}")
        count = len(self.problems) + len(self.missing)
        if count:
            _output.error(f"{self.name}: {count} problem{'s' if count > 1 else ''}")
        else:
            _output.success(f"{self.name}: {self.summary}")


def _check_one(name: str | None, wanted: "StackOptions", with_ports: bool) -> _Result:
    from xr_ai_launcher._api import find_problems, read_stack, remember
    from xr_ai_launcher._errors import StackError
    from xr_ai_launcher.cli._told import good_words

    path = options.find_stack(name)
    try:
        loaded = read_stack(path, wanted)
    except StackError as error:
        return _Result(str(path), "", error.problems, ())
    findings = find_problems(loaded, with_ports=with_ports)
    if not findings.problems and not findings.missing:
        remember(loaded, path, wanted)
    told = StackError(findings.problems).problems, StackError(findings.missing).problems
    return _Result(str(path), good_words(loaded.plan), *told, warnings=loaded.plan.warnings)
