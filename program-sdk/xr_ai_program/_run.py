"""The frame around a program's coroutine: arguments, configuration, logging, signals, exit code."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from xr_ai_config import ConfigError, load_config
from xr_ai_program._errors import ProgramError
from xr_ai_program._readiness import Readiness
from xr_ai_program._watchdog import give_signs_of_life

ConfigT = TypeVar("ConfigT", bound=BaseModel)
logger = logging.getLogger(__name__)

_EXIT_FAILED = 1
_EXIT_CONFIG = 2
# Libraries that report every request at INFO and would bury a program's own lines.
_NOISY_LOGGERS = ("httpx", "httpx2", "httpcore", "httpcore2", "urllib3", "asyncio", "mcp", "livekit", "uvicorn")


def run_program(
    name: str,
    config_model: type[ConfigT],
    serve: Callable[[ConfigT, Readiness], Awaitable[None]],
    *,
    description: str,
    argv: Sequence[str] | None = None,
    default_config: Path | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """Run ``serve`` until it returns or a signal cancels it, and return the process' exit code.

    Without ``--config`` the file ``NAME.yaml`` of the working directory is read if there is one, then
    ``default_config``, else the model's defaults apply. Errors a user can repair are printed without a traceback.
    ``loop_factory`` makes another event loop than asyncio's own.
    """
    args = _parser(name, description).parse_args(argv)
    _set_up_logging(name)
    try:
        config = load_config(_config_path(name, args.config, default_config), config_model)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the one place where a program's configuration errors reach its user
        return _EXIT_CONFIG
    if args.check:
        print(f"{name}: configuration is valid", file=sys.stderr)  # noqa: T201
        return 0
    readiness = Readiness(args.ready_file)
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_until_signalled(serve, config, readiness))
    except ProgramError as error:
        logger.error("%s", error)
        return _EXIT_FAILED
    return 0


def _parser(name: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name, description=description)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"YAML configuration (default: ./{name}.yaml if present)"
    )
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="touched once the program is usable")
    parser.add_argument("--check", action="store_true", help="check the configuration and exit")
    return parser


def _config_path(name: str, given: Path | None, default: Path | None) -> Path | None:
    if given is not None:
        return given
    local = Path(f"{name}.yaml")
    if local.is_file():
        return local
    return default


def _set_up_logging(name: str) -> None:
    verbose = os.environ.get("XR_AI_VERBOSE", "").lower() in {"1", "true", "debug", "yes", "on"}
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    for noisy in _NOISY_LOGGERS:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger(__name__).debug("%s starts, pid %d", name, os.getpid())


async def _until_signalled(
    serve: Callable[[ConfigT, Readiness], Awaitable[None]], config: ConfigT, readiness: Readiness
) -> None:
    task = asyncio.ensure_future(serve(config, readiness))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    signs = asyncio.ensure_future(give_signs_of_life(readiness))
    try:
        await task
    except asyncio.CancelledError:
        logger.info("stopped by signal")
    finally:
        signs.cancel()
        readiness.stopping()
