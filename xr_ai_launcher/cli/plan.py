"""``xrstack plan``: what `up` would do, and where each value comes from."""

import json
from typing import Annotated

import typer

from xr_ai_launcher.cli import _options as options
from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

__all__ = ("plan",)


@verb
def plan(
    stack: options.StackArgument = None,
    profile: options.ProfileOption = None,
    file: options.OverlayOption = None,
    set_: options.SetOption = None,
    only: options.OnlyOption = None,
    without: options.WithoutOption = None,
    values: Annotated[bool, typer.Option("--values", help="List every value with the line that decided it.")] = False,
    json_: options.JsonOption = False,
) -> int:
    """Show what `up` would prepare and start, with the chosen profile. Starts nothing."""
    from xr_ai_launcher._api import open_stack
    from xr_ai_launcher.cli import _plan_words as words

    loaded = open_stack(options.find_stack(stack), options.stack_options(profile, file, set_, only, without))
    if json_:
        _output.data(json.dumps(words.plan_data(loaded), indent=2, ensure_ascii=False))
    else:
        _output.data("\n".join(words.values_text(loaded) if values else words.plan_text(loaded)))
    return ExitCode.OK
