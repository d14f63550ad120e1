"""``xrstack up``: check, prepare and run a stack until it ends."""

from typing import TYPE_CHECKING, Annotated

import typer

from xr_ai_launcher.cli import _options as options
from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from xr_ai_launcher._stack.plan import StackPlan

__all__ = ("up",)


@verb
def up(
    stack: options.StackArgument = None,
    profile: options.ProfileOption = None,
    file: options.OverlayOption = None,
    set_: options.SetOption = None,
    only: options.OnlyOption = None,
    without: options.WithoutOption = None,
    setup_only: Annotated[bool, typer.Option("--setup-only", help="Prepare everything, start nothing.")] = False,
) -> int:
    """Check the stack, prepare what is missing, start every role and stop them together."""
    from xr_ai_launcher._api import open_stack, prepare, read_stack, require_startable, start

    path, wanted = options.find_stack(stack), options.stack_options(profile, file, set_, only, without)
    if setup_only:
        plan = open_stack(path, wanted).plan
        _announce(plan)
        prepare(plan)
        return ExitCode.OK
    loaded = read_stack(path, wanted)
    require_startable(loaded)
    _announce(loaded.plan)
    return start(loaded.plan)


def _announce(plan: "StackPlan") -> None:
    if plan.profile is not None:
        _output.note(f"{plan.name}: profile {plan.profile}: {plan.profile_reason}")
    for warning in plan.warnings:
        _output.note(f"warning: {warning}")
