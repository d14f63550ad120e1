"""Numbers as they are spoken: "two and a half", "one point five", "a hundred and eighty"."""

import re
from collections.abc import Sequence

__all__ = ("read_number", "say_number")

# fmt: off
_ONE_TO_NINETEEN = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
_TWENTY_TO_NINETY = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# fmt: on
_ONES = {word: value for value, word in enumerate(("zero", *_ONE_TO_NINETEEN))}
_TENS = {word: 10 * value for value, word in enumerate(_TWENTY_TO_NINETY, start=2)}
_DIGITS = re.compile(r"\d+(\.\d+)?|\.\d+")


def read_number(words: Sequence[str], start: int = 0) -> tuple[float, int] | None:
    """Return the number that begins at ``words[start]`` and the index after it, or None.

    "A" counts as one only before "hundred"; elsewhere it is an article.
    """
    if start < len(words) and _DIGITS.fullmatch(words[start]):
        return _with_half(words, float(words[start]), start + 1)
    whole = _read_whole(words, start)
    if whole is None:
        return None
    value, end = whole
    if end < len(words) - 1 and words[end] == "point" and words[end + 1] in _ONES:
        return _read_fraction(words, value, end + 1)
    return _with_half(words, float(value), end)


def _read_whole(words: Sequence[str], start: int) -> tuple[int, int] | None:
    below = _read_below_hundred(words, start)
    hundreds_at = start + 1 if words[start : start + 1] == ["a"] else below[1] if below else None
    if hundreds_at is None or words[hundreds_at : hundreds_at + 1] != ["hundred"]:
        return below
    value, end = (below[0] if below else 1) * 100, hundreds_at + 1
    rest_at = end + 1 if words[end : end + 1] == ["and"] else end
    rest = _read_below_hundred(words, rest_at)
    return (value + rest[0], rest[1]) if rest else (value, end)


def _read_below_hundred(words: Sequence[str], start: int) -> tuple[int, int] | None:
    if start >= len(words):
        return None
    word = words[start]
    if word in _TENS:
        unit = _ONES.get(words[start + 1], 0) if start + 1 < len(words) else 0
        return (_TENS[word] + unit, start + 2) if 0 < unit < 10 else (_TENS[word], start + 1)
    return (_ONES[word], start + 1) if word in _ONES else None


def _read_fraction(words: Sequence[str], whole: int, start: int) -> tuple[float, int]:
    end, digits = start, ""
    while end < len(words) and _ONES.get(words[end], 10) < 10:
        digits += str(_ONES[words[end]])
        end += 1
    if not digits:  # "point twelve"
        digits, end = str(_ONES[words[start]]), start + 1
    return float(f"{whole}.{digits}"), end


def _with_half(words: Sequence[str], value: float, end: int) -> tuple[float, int]:
    if list(words[end : end + 3]) == ["and", "a", "half"]:
        return value + 0.5, end + 3
    return value, end


def say_number(value: float) -> str:
    """Return a number as digits, without needless zeros: ``2``, ``1.5``."""
    return f"{round(value, 4):.4f}".rstrip("0").rstrip(".")
