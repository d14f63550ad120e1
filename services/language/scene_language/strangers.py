"""Things that are asked for and that the language has no word for: "add a car"."""

import re

from scene_language._spans import UNKNOWN, known_tokens
from scene_language._tokens import normalize

__all__ = ("unknown_thing",)

_WANTED = re.compile(
    r"^(?:please |now |okay |can you |could you |would you |i want you to )*"
    r"(?:add|put|place|create|make|spawn|draw|build|drop|insert|give me|show me|make me|i want|i need|i would like)"
    r" (?:an?|another|some|the) (?P<thing>[a-z ]+?)"
    r"(?: (?:in front of|behind|above|over|below|under|next to|beside|near|on|onto|to|at|here|between|please)\b.*)?$"
)
_LONGEST_NAME = 3


def unknown_thing(text: str) -> str | None:
    """Return the unknown noun that a request to add something names, or None when it names none.

    The noun is the last word before the place; adjectives that the language knows are left out: "a red car" → "car".
    """
    wanted = _WANTED.match(normalize(text))
    if wanted is None or len(wanted["thing"].split()) > _LONGEST_NAME:
        return None
    *before, last = known_tokens(wanted["thing"])
    unknown = [str(token) for token in before if token.type == UNKNOWN]
    return " ".join([*unknown, str(last)]) if last.type == UNKNOWN else None
