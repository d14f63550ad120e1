"""Lets the pipeline library speak through `logging`: by itself it prints a banner and every step to stderr.

Imported before pipecat, because the banner comes with the import.
"""

import logging
from typing import TYPE_CHECKING

from loguru import logger as _library

if TYPE_CHECKING:
    from loguru import Message

_logger = logging.getLogger("pipecat")


def _forward(message: "Message") -> None:
    record = message.record
    _logger.log(record["level"].no, "%s", record["message"])


_library.remove()
_library.add(_forward, level="WARNING")
