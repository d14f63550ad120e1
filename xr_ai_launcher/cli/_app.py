"""The command line's verbs put together."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from xr_ai_launcher.cli.check import check
from xr_ai_launcher.cli.completion import completion
from xr_ai_launcher.cli.doctor import doctor
from xr_ai_launcher.cli.down import down
from xr_ai_launcher.cli.graph import graph
from xr_ai_launcher.cli.logs import logs
from xr_ai_launcher.cli.new import new
from xr_ai_launcher.cli.plan import plan
from xr_ai_launcher.cli.ps import ps
from xr_ai_launcher.cli.restart import restart
from xr_ai_launcher.cli.schema import schema
from xr_ai_launcher.cli.tui import tui
from xr_ai_launcher.cli.up import up

__all__ = ("app",)

_VERBS: dict[Callable[..., None], str] = {
    up: "Check, prepare and start a stack; stop it as a whole.",
    down: "Stop a running stack.",
    ps: "Show running stacks and their roles.",
    logs: "Show what roles printed, also of the last run.",
    restart: "Restart roles of a running stack.",
    tui: "Show a running stack full-screen.",
    check: "Find every mistake in stack files; start nothing.",
    plan: "Show what `up` would do, and which line says so.",
    graph: "Draw which role waits for which.",
    doctor: "Show what this machine has, and what a stack misses.",
    schema: "Write the JSON schema of stack files, for editors.",
    new: "Write a commented stack to start from.",
    completion: "Write a completion script for your shell.",
}
"""The verbs with what the list of all of them says, in half a line of a narrow terminal."""

# What other tools call a verb, and what it is here.
_ELSEWHERE = {
    "up": "start run launch serve begin",
    "down": "stop kill end quit shutdown",
    "ps": "status list ls top state",
    "logs": "log tail follow output",
    "check": "validate lint verify test config",
    "new": "init create scaffold",
    "graph": "tree deps dependencies",
    "tui": "ui attach monit dashboard",
    "plan": "dry-run show explain",
}


class _Verbs(TyperGroup):
    """The verbs, and what to say of a word that is none."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        word = args[0]
        if word not in self.commands and word.endswith((".yaml", ".yml")):
            ctx.fail(f"`{word}` is a file; to start it: xrstack up {word}")
        for verb, others in _ELSEWHERE.items():
            if word in others.split():
                ctx.fail(f"There is no `{word}`; here it is called `{verb}`.")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="xrstack",
    cls=_Verbs,
    help="Run many programs from one stack file: checked first, prepared, started and stopped together.",
    epilog="Begin with `xrstack new` and `xrstack up`. Exit codes: a failed role's own · 2 bad stack · 3 bug · "
    "4 not ready in time · 5 something is not installed · 130/143 by signal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: loading rich would double the time that --help takes
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _verb, _summary in _VERBS.items():
    app.command(name=_verb.__name__, short_help=_summary)(_verb)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"xrstack {version('xr-ai-launcher')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Run many programs from one stack file: checked first, prepared, started and stopped together."""
