"""What a terminal can show: whether it is one, how large it is, and how wide text is on it."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("can_draw", "fit", "size_of", "text_width")

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]+")
_ELLIPSIS = "…"


def can_draw(fd: int, environment: Mapping[str, str]) -> bool:
    """Whether there is a terminal that moves its cursor where it is told to."""
    return environment.get("TERM", "dumb") not in ("", "dumb", "unknown") and os.isatty(fd)


def size_of(fd: int) -> tuple[int, int]:
    """Return columns and lines of the terminal; (0, 0) when it is gone or does not say."""
    try:
        size = os.get_terminal_size(fd)
    except OSError:
        return 0, 0
    return size.columns, size.lines


def fit(text: str, width: int, *, align_right: bool = False) -> str:
    """Return the text exactly ``width`` columns wide, cut with an ellipsis or filled with blanks."""
    text = _CONTROLS.sub(" ", text)
    excess = text_width(text) - width
    if excess > 0:
        return _cut(text, width)
    return " " * -excess + text if align_right else text + " " * -excess


def text_width(text: str) -> int:
    """Return how many columns the text takes."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _cut(text: str, width: int) -> str:
    if width <= 0:
        return ""
    kept, used = "", 0
    for character in text:
        used += _character_width(character)
        if used > width - 1:
            break
        kept += character
    return (kept + _ELLIPSIS) + " " * (width - 1 - text_width(kept))


def _character_width(character: str) -> int:
    if character < "\u0300":
        return 1
    import unicodedata  # late: most text never needs it

    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
