"""What is asked for and the language has no word for: a thing, a place, a change ("add a car", "make it glow")."""

import re
from functools import cache

from lark import Token

from scene_language._spans import UNKNOWN, Phrase, known_tokens, longest_span
from scene_language._tokens import normalize
from scene_language.lexicon import PLURALS
from scene_language.templates import FAMILIES

__all__ = (
    "meaningless_place",
    "unknown_arrangement",
    "unknown_change",
    "unknown_place",
    "unknown_thing",
    "unknown_words",
    "wanted_shape",
)

_POLITE = r"^(?:please |now |okay |can you |could you |would you |i want you to |let us )*"
_ADD = (
    "(?:add|put|place|create|make|spawn|draw|build|drop|insert|give me|show me|i want|i need|i would like)(?: me| us)?"
)
_SAID_AFTER = re.compile(r" (?:please|now|for me|instead|again)$")
_MAKE = re.compile(rf"{_POLITE}make (?P<rest>.+)$")
_PUT = re.compile(rf"{_POLITE}(?:{_ADD}|move|bring|set|slide|push|drag|throw|stack) (?P<rest>.+)$")
_WANTS = re.compile(rf"{_POLITE}{_ADD} (?P<rest>.+)$")
_ARRANGED = re.compile(
    rf"{_POLITE}(?:{_ADD}|set|arrange|sort|order|line|move|stack) .*?\b"
    r"(?P<how>(?:in|into|by|as) (?:an? |the )?"
    r"(?:circle|ring|square|triangle|pyramid|heart|star|grid|order|size|color))$"
)
_PREPOSITION = re.compile(
    r"(?:on|onto|in|into|inside|at|to|by|under|below|behind|near|next to|over|above|around|against|beside|from|toward"
    r"|through|somewhere|everywhere|outside|upstairs)\b"
)
_WANTED = re.compile(
    rf"{_POLITE}{_ADD}"
    r" (?:(?:an?|another|some|the) (?P<thing>[a-z ]+?)|(?P<any>something|anything)(?: [a-z]+)?)"
    r"(?: (?:in front of|behind|above|over|below|under|next to|beside|near|on|onto|to|at|here|between|please)\b.*)?$"
)
_LONGEST_NAME = 3


def unknown_thing(text: str) -> str | None:
    """Return the unknown noun that a request to add something names, or None when it names none.

    The noun is the last word before the place; adjectives that the language knows are left out: "a red car" → "car".
    """
    wanted = _WANTED.match(normalize(text))
    if wanted is None or wanted["any"]:
        return wanted and wanted["any"]
    if len(wanted["thing"].split()) > _LONGEST_NAME:
        return None
    *before, last = known_tokens(wanted["thing"])
    unknown = [str(token) for token in before if token.type == UNKNOWN]
    return " ".join([*unknown, str(last)]) if last.type == UNKNOWN else None


def wanted_shape(text: str) -> str | None:
    """Return the first shape that a request to add something names, in whatever words; None when it names none."""
    wanted = _WANTS.match(normalize(text))
    tokens = known_tokens(wanted["rest"]) if wanted else []
    named = next((token for token in tokens if token.type in {"SHAPE_NAME", "SHAPE_PLURAL"}), None)
    return None if named is None else PLURALS.get(named, str(named))


def unknown_change(text: str) -> str | None:
    """Return what a request wants something to become when the language has no word for it: "make it glow" → "glow"."""
    made = _MAKE.match(_without_courtesy(text))
    left = _after("reference", made["rest"]) if made else ""
    return left if left and not _PREPOSITION.match(left) and _is_strange(left) else None


def unknown_arrangement(text: str) -> str | None:
    """Return how things shall stand together where that is neither a row nor a tower: "in a circle", "by size"."""
    arranged = _ARRANGED.match(_without_courtesy(text))
    return arranged["how"] if arranged else None


def unknown_place(text: str) -> str | None:
    """Return the place of a request to put something somewhere that the language has no word for: "on the table"."""
    left = _place_in(text)
    return left if left and _is_strange(left) else None


def meaningless_place(text: str) -> str | None:
    """Return the place of a request whose words are known and mean no place together: "around it"."""
    left = _place_in(text)
    return left if left and not _is_whole("new_place", left) and not _is_whole("ways", left) else None


def _place_in(text: str) -> str:
    put = _PUT.match(_without_courtesy(text))
    left = (_after("thing", put["rest"]) or _after("reference", put["rest"])) if put else ""
    return left if _PREPOSITION.match(left) else ""


def unknown_words(text: str) -> list[str]:
    """Return the words of a sentence that neither the language nor the example requests know."""
    return [str(token) for token in known_tokens(normalize(text)) if _is_unknown(token)]


def _without_courtesy(text: str) -> str:
    return _SAID_AFTER.sub("", normalize(text))


def _after(phrase: Phrase, text: str) -> str:
    """What follows a phrase at the beginning of a text; empty when the text does not begin with one."""
    words = text.split()
    for length in range(len(words) - 1, 0, -1):
        if _is_whole(phrase, " ".join(words[:length])):
            return " ".join(words[length:])
    return ""


def _is_whole(phrase: Phrase, text: str) -> bool:
    tokens = known_tokens(text)
    return longest_span(phrase, tokens) == (0, len(tokens))


def _is_strange(text: str) -> bool:
    """Whether it has a word that neither the language nor the example requests know, or names a material."""
    return any(token.type == "MATERIAL_NAME" or _is_unknown(token) for token in known_tokens(text))


def _is_unknown(token: Token) -> bool:
    return token.type == UNKNOWN and str(token) not in _example_words()


@cache
def _example_words() -> frozenset[str]:
    return frozenset(word for family in FAMILIES for example in family.examples for word in example.split())
