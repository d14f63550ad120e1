"""The command line's verbs put together."""

from typing import Annotated

import typer

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

app = typer.Typer(
    name="xrstack",
    help="Run many programs from one stack file: checked first, prepared, started and stopped together.",
    epilog="Exit codes: a failed role's own · 2 bad stack · 3 bug · 4 not ready in time · 5 something is not installed "
    "· 130/143 by signal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: loading rich would double the time that --help takes
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _verb in (up, down, ps, logs, restart, tui, check, plan, graph, doctor, schema, new, completion):
    app.command(name=_verb.__name__)(_verb)


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
