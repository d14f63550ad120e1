"""Tasks that nobody waits for, kept until they end; a failure of theirs is logged."""

import asyncio
import logging
from collections.abc import Coroutine

logger = logging.getLogger(__name__)


class Tasks:
    """The tasks of one owner."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, coroutine: Coroutine[None, None, None], name: str) -> "asyncio.Task[None]":
        """Run ``coroutine`` until it ends or `cancel`."""
        task = asyncio.create_task(coroutine, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(_report_failure)
        return task

    def cancel(self) -> None:
        """Cancel them all, except the one that asks for it."""
        for task in self._running - {asyncio.current_task()}:
            task.cancel()


def _report_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error("task %s failed", task.get_name(), exc_info=task.exception())
