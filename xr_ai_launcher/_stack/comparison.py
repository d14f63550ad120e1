"""Comparisons in a profile's ``match``: ``">=2"``, ``">=8.9 <10"``, ``">=90GiB"``."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from xr_ai_launcher._stack.sizes import BYTES_PER_UNIT

__all__ = ("Comparison", "capability_number", "compare_capability", "compare_count", "compare_memory")

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "": operator.eq,
}
_TERM = re.compile(r"\s*(>=|<=|==|>|<|)\s*([0-9.]+)\s*([A-Za-z]*)")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Conditions on one number, all of which must hold."""

    text: str
    terms: tuple[tuple[str, float], ...]

    def holds(self, value: float | None) -> bool:
        """Whether ``value`` fits; an unknown value never does."""
        return value is not None and all(_OPERATORS[sign](value, limit) for sign, limit in self.terms)

    def __str__(self) -> str:
        return self.text


def compare_count(text: int | str) -> Comparison:
    """Parse a number of cards: ``0``, ``">=2"``.

    Raises:
        ValueError: not a comparison with a whole number.
    """
    return _parse(str(text), 'a number or a comparison such as ">=2"', _whole)


def compare_capability(text: float | str) -> Comparison:
    """Parse a CUDA compute capability: ``">=10"``, ``">=8.9 <10"``; compares `capability_number`.

    Raises:
        ValueError: not a comparison with a version.
    """
    return _parse(str(text), 'a comparison such as ">=10" or ">=8.9 <10"', _capability)


def compare_memory(text: str) -> Comparison:
    """Parse an amount of memory: ``">=90GiB"``; compares bytes.

    Raises:
        ValueError: not a comparison with a size, or a unit is missing.
    """
    return _parse(text, 'a comparison such as ">=90GiB"', _memory)


def capability_number(major: int, minor: int) -> float:
    """Return a capability as one number that orders as versions do (8.10 is newer than 8.9)."""
    return float(major * 1000 + minor)


def _parse(text: str, expected: str, convert: Callable[[str, str], float]) -> Comparison:
    terms: list[tuple[str, float]] = []
    position = 0
    while position < len(text.rstrip(" ,")):
        match = _TERM.match(text, position)
        if match is None:
            raise ValueError(f'"{text}" is not a comparison; expected {expected}')
        try:
            terms.append((match.group(1), convert(match.group(2), match.group(3))))
        except (ValueError, KeyError):
            raise ValueError(f'"{text}" is not a comparison; expected {expected}') from None
        position = match.end() + (text[match.end() :].startswith(","))
    if not terms:
        raise ValueError(f'"{text}" is not a comparison; expected {expected}')
    return Comparison(text, tuple(terms))


def _whole(number: str, unit: str) -> float:
    if unit:
        raise ValueError(unit)
    return float(int(number))


def _capability(number: str, unit: str) -> float:
    if unit:
        raise ValueError(unit)
    major, _, minor = number.partition(".")
    return capability_number(int(major), int(minor or 0))


def _memory(number: str, unit: str) -> float:
    return float(number) * BYTES_PER_UNIT[unit]
