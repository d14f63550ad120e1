"""``xrstack up``: check, prepare and run a stack until it ends."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from xr_ai_launcher._dataclasses import replace
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
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when all roles are ready; the stack runs on.")
    ] = False,
    tui: Annotated[bool, typer.Option("--tui", help="Show it full-screen; leaving that stops the stack.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Show lines only, also on a terminal.")] = False,
    metrics: Annotated[
        int | None,
        typer.Option(
            "--metrics", metavar="PORT", min=0, max=65535, help="Serve /metrics for Prometheus here (0: any free port)."
        ),
    ] = None,
) -> int:
    """Check the stack, prepare what is missing, start every role and stop them together."""
    from xr_ai_launcher._api import open_stack
    from xr_ai_launcher._run.views import Wishes
    from xr_ai_launcher._start import prepare, start, start_shown, startable_plan
    from xr_ai_launcher.cli._told import announce

    path, wanted = options.find_stack(stack), options.stack_options(profile, file, set_, only, without)
    if metrics is not None:
        wanted = replace(wanted, assignments=(*wanted.assignments, f"metrics={metrics}"))
    if setup_only:
        plan = open_stack(path, wanted).plan
        announce(plan)
        prepare(plan)
        return ExitCode.OK
    if tui:
        from xr_ai_launcher._view.tui.needs import require_tui

        require_tui(os.environ)
    plan = startable_plan(path, wanted)
    announce(plan)
    if detach:
        return _detach(plan)
    wishes = Wishes(is_plain=plain, metrics_port=plan.metrics_port)
    return start_shown(plan, wishes) if tui else start(plan, wishes)


def _detach(plan: "StackPlan") -> int:
    from xr_ai_launcher._start import start_detached

    code = start_detached(plan)
    if code is not None:
        return code
    for role in plan.enabled_roles:
        if role.url:
            _output.note(f"{role.name}: {role.url}")
    _output.success(f"{plan.name} is up and runs on; see xrstack ps, xrstack logs -f, xrstack down")
    return ExitCode.OK
