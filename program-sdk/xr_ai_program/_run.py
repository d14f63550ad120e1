"""The frame around a program's coroutine: arguments, configuration, logging, signals, exit code."""

import argparse
import asyncio
import logging
import shutil
import signal
import textwrap
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from xr_ai_config import ConfigError, Examine, load_config
from xr_ai_program._errors import ProgramError
from xr_ai_program._logging import ENVIRONMENT, say, set_up_logging
from xr_ai_program._readiness import Readiness
from xr_ai_program._watchdog import give_signs_of_life

ConfigT = TypeVar("ConfigT", bound=BaseModel)
logger = logging.getLogger(__name__)

_EXIT_FAILED = 1
_EXIT_CONFIG = 2
_LEAST_COLUMNS = 20


def run_program(
    name: str,
    config_model: type[ConfigT],
    serve: Callable[[ConfigT, Readiness], Awaitable[None]],
    *,
    description: str,
    argv: Sequence[str] | None = None,
    default_config: Path | None = None,
    examine: Examine | None = None,
    notes: Callable[[ConfigT], Iterable[str]] | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """Run ``serve`` until it returns or a signal cancels it, and return the process' exit code.

    Without ``--config`` the file ``NAME.yaml`` of the working directory is read if there is one, then
    ``default_config``, else the model's defaults apply. Errors a user can repair are told without a traceback; any
    other is a bug, which ends the program as well and keeps its traceback.
    ``examine`` finds what the model cannot (see `Examine`); ``notes`` are what somebody should know of a configuration
    that is valid. ``loop_factory`` makes another event loop than asyncio's own.
    """
    args = _parser(name, description).parse_args(argv)
    try:
        set_up_logging(name)
        config = load_config(_config_path(name, args.config, default_config), config_model, examine)
    except ConfigError as error:
        for problem in error.problems:
            say(logging.ERROR, str(problem))
        return _EXIT_CONFIG
    for note in notes(config) if notes is not None else ():
        logger.warning("%s", note)
    if args.check:
        say(logging.INFO, f"{name}: configuration is valid")
        return 0
    readiness = Readiness(args.ready_file)
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_until_signalled(serve, config, readiness))
    except ProgramError as error:
        logger.error("%s", error)
        return _EXIT_FAILED
    except Exception:
        logger.critical("a fault of %s's own ends it", name, exc_info=True)
        return _EXIT_FAILED
    return 0


def _parser(name: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name,
        description=_wrapped(description),
        epilog=_wrapped(ENVIRONMENT),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"YAML configuration (default: ./{name}.yaml if present)"
    )
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="touched once the program is usable")
    parser.add_argument("--check", action="store_true", help="check the configuration and exit")
    return parser


def _wrapped(text: str) -> str:
    """Wrap as argparse does, but never inside the name of an option."""
    return textwrap.fill(text, max(_LEAST_COLUMNS, shutil.get_terminal_size().columns - 2), break_on_hyphens=False)


def _config_path(name: str, given: Path | None, default: Path | None) -> Path | None:
    if given is not None:
        return given
    local = Path(f"{name}.yaml")
    if local.is_file():
        return local
    return default


async def _until_signalled(
    serve: Callable[[ConfigT, Readiness], Awaitable[None]], config: ConfigT, readiness: Readiness
) -> None:
    task = asyncio.ensure_future(serve(config, readiness))
    stop = _Stop(task)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    signs = asyncio.ensure_future(give_signs_of_life(readiness))
    try:
        await task
    except asyncio.CancelledError:
        logger.info("stopped by signal")
    finally:
        signs.cancel()
        readiness.stopping()


class _Stop:
    """Ends the program's coroutine once: a further signal would cut short what it does on its way out."""

    def __init__(self, task: "asyncio.Future[None]") -> None:
        self._task = task
        self._is_asked = False

    def __call__(self) -> None:
        if self._is_asked:
            logger.warning("stopping already; SIGKILL ends this at once")
            return
        self._is_asked = True
        self._task.cancel()
