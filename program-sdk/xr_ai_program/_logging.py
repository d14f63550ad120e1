"""What a program says while it runs: lines for people, or JSON for programs that collect them."""

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime

from xr_ai_config import ConfigError, Problem, did_you_mean

__all__ = ("ENVIRONMENT", "names_are_logged", "say", "set_up_logging")

FORMAT_ENV = "XR_AI_LOG_FORMAT"
VERBOSE_ENV = "XR_AI_VERBOSE"
NAMES_ENV = "XR_AI_LOG_NAMES"
ENVIRONMENT = (
    f"Environment: {FORMAT_ENV}=json writes the log as one JSON object a line (time, level, program, logger, message, "
    f"exception) instead of text; {VERBOSE_ENV}=1 adds what is seldom wanted (DEBUG), people's names included; "
    f"{NAMES_ENV}=1 adds people's names alone."
)

_FORMATS = ("text", "json")
_YES = frozenset({"1", "true", "debug", "yes", "on"})
# Libraries that report every request at INFO and would bury a program's own lines.
_NOISY_LOGGERS = ("httpx", "httpx2", "httpcore", "httpcore2", "urllib3", "asyncio", "mcp", "livekit", "uvicorn")
logger = logging.getLogger(__name__)


def set_up_logging(program: str) -> None:
    """Send what is logged to stderr, as the environment wants it; see `ENVIRONMENT`.

    Raises:
        ConfigError: the environment names a format that there is not.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines(program) if _format() == "json" else _text())
    logging.basicConfig(level=logging.DEBUG if _is_set(VERBOSE_ENV) else logging.INFO, handlers=[handler])
    for noisy in _NOISY_LOGGERS:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # What Python itself would print between the lines.
    logging.captureWarnings(True)
    threading.excepthook = _thread_failed
    logger.debug("%s starts, pid %d", program, os.getpid())


def names_are_logged() -> bool:
    """Whether people's names, and the topics they use, may be in lines of INFO and above; DEBUG always has them."""
    return _is_set(NAMES_ENV) or _is_set(VERBOSE_ENV)


def say(level: int, text: str) -> None:
    """Answer whoever started the program: as it is on stderr, or as a line of the log where that is JSON."""
    if os.environ.get(FORMAT_ENV) == "json":
        logger.log(level, "%s", text)
    else:
        print(text, file=sys.stderr)  # noqa: T201 - the one place where a program answers its user


def _format() -> str:
    value = os.environ.get(FORMAT_ENV) or _FORMATS[0]
    if value not in _FORMATS:
        expected = " or ".join(f"`{name}`" for name in _FORMATS)
        hint = did_you_mean(value, _FORMATS)
        raise ConfigError(
            [Problem("wrong value", key_path=FORMAT_ENV, expected=expected, found=f'text "{value}"', hint=hint)]
        )
    return value


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").lower() in _YES


def _text() -> logging.Formatter:
    return logging.Formatter("%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s %(message)s", "%H:%M:%S")


class _JsonLines(logging.Formatter):
    """One JSON object a line, in ASCII: no text in it ends the line for any reader."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "program": self._program,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = self.formatStack(record.stack_info)
        return json.dumps(entry)


def _thread_failed(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread is not None else "unknown"
    if args.exc_value is not None:
        logger.critical("thread %s failed", name, exc_info=args.exc_value)
