"""The worker's exception tree.

::

    WorkerError
    ├── ToolServerError     a tool server cannot be reached, or broke while it was asked
    └── TurnError           a turn cannot be finished; `spoken` is the sentence for the person who asked
"""


class WorkerError(Exception):
    """Base of everything this program raises on purpose."""


class ToolServerError(WorkerError):
    """A tool server cannot be reached, or the connection broke during a call."""


class TurnError(WorkerError):
    """A turn cannot be finished; ``spoken`` says so to the person who asked."""

    def __init__(self, spoken: str, reason: str) -> None:
        super().__init__(reason)
        self.spoken = spoken
