"""Mirrors: other addresses under which downloads and images are tried first, by the beginning of the original one.

They belong to the place where a stack runs rather than to the stack, so they come from the environment as well:
``XRSTACK_MIRRORS="https://example.org/=https://mirror.local/ vendor/=registry.local/vendor/"``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xr_ai_config import Mark, Problem, Source
from xr_ai_launcher._stack.places import Places
from xr_ai_launcher._stack.surroundings import Surroundings

__all__ = ("MIRRORS_VARIABLE", "Mirrors", "find_mirrors")

MIRRORS_VARIABLE = "XRSTACK_MIRRORS"
_ENDS_A_PART = "/:@?#"


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Beginnings of addresses, and what to put in their place."""

    places: Mapping[str, str]

    def of(self, address: str) -> tuple[str, ...]:
        """Return where else an address is to be found, the most particular first."""
        fitting = sorted((prefix for prefix in self.places if _begins(address, prefix)), key=len, reverse=True)
        return tuple(self._moved(address, prefix) for prefix in fitting)

    def _moved(self, address: str, prefix: str) -> str:
        rest, mirror = address[len(prefix) :].lstrip("/"), self.places[prefix]
        if prefix.endswith("/") or address[len(prefix) :].startswith("/"):
            return f"{mirror.rstrip('/')}/{rest}"
        return f"{mirror}{rest}"


def find_mirrors(
    declared: Mapping[str, str], places: Places, surroundings: Surroundings, problems: list[Problem]
) -> Mirrors:
    """Return the mirrors of the stack file and, before them, those of the environment."""
    for prefix, mirror in declared.items():
        if not prefix or not mirror or _is_web(prefix) != _is_web(mirror):
            expected = "the beginning of an address or image, and what replaces it: both web addresses, or neither"
            problems.append(places.problem("not a mirror", "mirrors", prefix, expected=expected))
    text = surroundings.get(MIRRORS_VARIABLE, "")
    return Mirrors({**declared, **dict(_from_environment(text, problems))})


def _from_environment(text: str, problems: list[Problem]) -> Iterable[tuple[str, str]]:
    column = 1
    for word in text.split():
        column = text.index(word, column - 1) + 1
        prefix, _, mirror = word.partition("=")
        if prefix and mirror and _is_web(prefix) == _is_web(mirror):
            yield prefix, mirror
        else:
            mark = Mark(Source(MIRRORS_VARIABLE, None, (text,)), 1, column, len(word))
            expected = "words such as https://example.org/=https://mirror.local/"
            problems.append(Problem("not a mirror", mark, expected=expected, found=f'"{word}"'))
        column += len(word)


def _begins(address: str, prefix: str) -> bool:
    """Whether the address lies below the prefix: ``https://a.org`` is no beginning of ``https://a.organic``."""
    if not prefix or not address.startswith(prefix):
        return False
    return len(address) == len(prefix) or prefix[-1] in _ENDS_A_PART or address[len(prefix)] in _ENDS_A_PART


def _is_web(address: str) -> bool:
    return address.startswith(("http://", "https://"))
