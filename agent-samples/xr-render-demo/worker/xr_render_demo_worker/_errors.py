"""The worker's exception tree.

::

    WorkerError
    ├── ToolServerError     a tool server cannot be reached, or broke while it was asked
    ├── LookError           there is no picture, or nobody can say what it shows
    └── TurnError           a turn cannot be finished; `spoken` is the sentence for the person who asked
"""

from typing import Literal


class WorkerError(Exception):
    """Base of everything this program raises on purpose."""


class ToolServerError(WorkerError):
    """A tool server cannot be reached, or the connection broke during a call."""


class LookError(WorkerError):
    """There is no picture, or nobody can say what it shows; ``reason`` is a word for the language model."""

    def __init__(
        self, reason: Literal["camera_off", "no_picture", "vision_unavailable", "held_by_person"], message: str
    ) -> None:
        super().__init__(message)
        self.reason = reason


class TurnError(WorkerError):
    """A turn cannot be finished; ``spoken`` says so to the person who asked."""

    def __init__(self, spoken: str, reason: str) -> None:
        super().__init__(reason)
        self.spoken = spoken
