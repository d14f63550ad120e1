"""``xrstack logs``: what the roles of a running or finished stack printed, in the order in which it arrived."""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from xr_ai_launcher.cli import _options as options
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from xr_ai_launcher._control.follow import Follower
    from xr_ai_launcher._control.log_lines import Line
    from xr_ai_launcher._control.log_sources import LogSources

__all__ = ("logs",)

_LINES_BEFORE_FOLLOWING = 20


def _duration(text: str | None) -> str | None:
    """Return a duration in seconds, as text again."""
    if text is None:
        return None
    from xr_ai_launcher._stack.values import parse_duration

    try:
        return str(parse_duration(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@verb
def logs(
    roles: Annotated[list[str] | None, typer.Argument(metavar="ROLE", help="Only these roles.")] = None,
    stack: options.RunningStackOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come, until the stack ends.")] = False,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", callback=_duration, help="Only what came in the last 30s, 5m, 2h.")
    ] = None,
    lines: Annotated[
        int | None, typer.Option("--lines", "-n", min=0, metavar="COUNT", help="Only so many lines from the end.")
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Show when each line came.")] = False,
    json_: options.JsonOption = False,
) -> int:
    """Show what roles printed, in the order in which it came; also of the last run, when the stack does not run."""
    from xr_ai_launcher._control.log_sources import find_logs

    sources = find_logs(os.environ, stack, roles or ())
    since_ns = 0 if since is None else time.time_ns() - int(float(since) * 1e9)
    if follow and lines is None and since is None:
        lines = _LINES_BEFORE_FOLLOWING
    show = _json_lines if json_ else _plain_lines(sources, timestamps)
    with ExitStack() as cleanup:
        # Opened first, so that no line falls between what was and what comes.
        followers = sources.followers() if follow else []
        _write(show(sources.lines(since_ns, lines, followers)))
        for batch in _followed(sources, followers, cleanup) if follow else ():
            _write(show(batch))
    return ExitCode.OK


def _followed(sources: "LogSources", followers: "Sequence[Follower]", cleanup: ExitStack) -> "Iterator[Iterable[Line]]":
    from xr_ai_launcher._control.client import Control
    from xr_ai_launcher._control.errors import ConnectionLostError
    from xr_ai_launcher._control.follow import follow

    controls = []
    for runtime in sources.runtimes:
        try:
            controls.append(cleanup.enter_context(Control(runtime)))
        except ConnectionLostError:
            continue  # has just ended
    return follow(followers, sources.folders, controls)


def _write(texts: "Iterable[bytes]") -> None:
    out = sys.stdout.buffer
    out.writelines(texts)
    out.flush()


def _json_lines(lines: "Iterable[Line]") -> "Iterator[bytes]":
    for line in lines:
        entry = {"time": line.time_ns / 1e9, "role": line.role, "line": line.text.decode(errors="replace")}
        yield json.dumps(entry, ensure_ascii=False).encode(errors="replace") + b"\n"


def _plain_lines(sources: "LogSources", timestamps: bool) -> "Callable[[Iterable[Line]], Iterator[bytes]]":
    from functools import partial

    from xr_ai_launcher._run.escapes import calm
    from xr_ai_launcher._run.screen import color_for, prefix_for

    out = sys.stdout.fileno()
    colored = color_for(out, os.environ)
    width = max(len(name) for name in sources.speakers)
    prefixes = {name: prefix_for(name, width, index, colored=colored) for index, name in enumerate(sources.speakers)}
    clean = partial(calm, keep_colors=colored) if os.isatty(out) else bytes

    def shown(lines: "Iterable[Line]") -> "Iterator[bytes]":
        for line in lines:
            stamp = _stamp(line.time_ns).encode() if timestamps else b""
            yield stamp + prefixes[line.role] + clean(line.text) + b"\n"

    return shown


def _stamp(time_ns: int) -> str:
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time_ns // 10**9))
    return f"{clock}.{time_ns // 10**6 % 1000:03} "
