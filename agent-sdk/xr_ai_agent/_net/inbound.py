"""Decoding what peers send, which may be anything."""

from typing import Any, Final

from xr_ai_agent._errors import MalformedMessageError, UnknownMessageError
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._wire.codec import decode

UNREADABLE: Final = -1
"""The message id of what could not be decoded."""


def decode_or_count(frame: bytes, losses: LossCounter) -> tuple[int, Any]:
    """Return (message id, message); (`UNREADABLE`, None), counted, for anything else."""
    try:
        return decode(frame)
    except UnknownMessageError as error:
        losses.count("unknown message id", error)
    except MalformedMessageError as error:
        losses.count("malformed message", error)
    return UNREADABLE, None
