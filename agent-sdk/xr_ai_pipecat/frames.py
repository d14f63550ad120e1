"""What travels through a voice pipeline beside pipecat's own frames. A pipeline belongs to one participant."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipecat.frames.frames import SystemFrame

__all__ = ("HearingFailedFrame", "NotUnderstoodFrame", "Query", "QueryFrame", "StopRequestFrame", "UtteranceFrame")


@dataclass(frozen=True)
class Query:
    """What a participant said or typed; confidence and alternatives are the recogniser's."""

    text: str
    is_spoken: bool = False
    confidence: float | None = None
    alternatives: Sequence[str] = ()


@dataclass
class UtteranceFrame(SystemFrame):
    """One utterance: 16-bit mono PCM at 16 kHz, pre-roll included."""

    audio: bytes
    speech_s: float


@dataclass
class QueryFrame(SystemFrame):
    """A request for the brain."""

    query: Query


@dataclass
class StopRequestFrame(SystemFrame):
    """The participant wants silence: "stop", "be quiet"."""

    text: str


@dataclass
class NotUnderstoodFrame(SystemFrame):
    """Somebody spoke and the recogniser found no words in it."""

    speech_s: float


@dataclass
class HearingFailedFrame(SystemFrame):
    """Somebody spoke and the recogniser could not be asked; ``reason`` says why."""

    reason: str
