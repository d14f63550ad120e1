"""A guess at what an unknown wording asks for: TF-IDF over example requests, with the slots filled by the grammar.

A guess is never carried out unasked: words alone do not tell a request from a remark about the same things.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from lark import Token
from rapidfuzz import fuzz, process

from scene_language._parser import grammar_words, parse
from scene_language._spans import UNKNOWN, known_tokens, longest_span
from scene_language._tokens import CLASSES, normalize
from scene_language.commands import All, Command, Delete, is_edit
from scene_language.guard import guard
from scene_language.strangers import unknown_arrangement, unknown_change, unknown_place
from scene_language.templates import CHAT, FAMILIES, Family

__all__ = ("LIKELY_ABOVE", "Guess", "guess")

# Chosen on the development sentences of tests/data; below it the guesses on them were wrong more often than right.
LIKELY_ABOVE = 0.3
# To offer to delete everything for a sentence of another meaning frightens: only for one that is much like it.
_SURE_ABOVE = 0.45
# A word this alike (percent) to one of the language may be a mishearing of it: "cue" for "cube".
_SIMILAR_ABOVE = 80
# Words that sound like those of the language and are words themselves.
_MISHEARD = {
    "at": "add", "blew": "blue", "read": "red", "cue": "cube", "cues": "cubes", "fear": "sphere", "sea": "see",
    "is": "as", "won": "one", "to": "two", "too": "two", "for": "four", "tree": "three", "free": "three",
    "bowl": "ball", "bull": "ball", "bawl": "ball", "queue": "cube", "thread": "red",
}  # fmt: skip
# Common words that are much like one of the language and are meant as they are: a corner is no cone.
_MEANT = frozenset((
    "corner", "corners", "wall", "bed", "cup", "house", "houses", "dog", "cat", "drawer", "stairs", "stars", "space",
    "air", "water", "moon", "cloud", "round", "thin", "bright", "fall", "bounce", "sit", "stand", "listen", "lines",
    "grid", "horse", "light",
))  # fmt: skip
_NEAREST_EXAMPLES = 2
# Who begins like this wants something changed: "make it look nice" is not the question what it looks like.
_DEMANDS_A_CHANGE = re.compile(r"(make|put|add|move|delete|remove|place|create|paint|change|set)\b(?! me a)")
# Who begins like this asks: "is the red cube bigger than the blue one" wants nothing bigger.
_ASKS = re.compile(r"(is|are|was|were|does|did|how|what|where|which|who|why|when)\b(?! about)")
_TAKES_AWAY = re.compile(
    r"\b(delete|remove|reset|clear|clean|wipe|empty|erase|scratch|trash|out|away|off|gone|rid|lose|disappear|vanish)\b"
)
_SPARES_SOME = re.compile(r"\b(except|but|else|only|other|rest|keep|restore|undo|back)\b")
# A word of no example weighs as one of two hundred examples would: unknown words make a request less alike to all.
_UNSEEN_WEIGHT = 6.2


@dataclass(frozen=True)
class Guess:
    """Commands that a sentence may have asked for; ``score`` is 0..1."""

    commands: list[Command]
    score: float


def guess(text: str) -> Guess | None:
    """Return the likeliest reading of a sentence that does not parse, or None when no reading is likely."""
    text = normalize(text)
    if not text or guard(text) is not None:
        return None
    repaired = _repair(text)
    if repaired is not None:
        return repaired
    if any(beyond(text) is not None for beyond in (unknown_arrangement, unknown_change, unknown_place)):
        return None
    tokens = known_tokens(text)
    ranked = _rank(text)
    chat_score = next((score for score, family in ranked if family is None), 0.0)
    for score, family in ranked:
        if family is None or score < max(LIKELY_ABOVE, chat_score):
            continue
        commands = _fill(family, tokens)
        if commands is None:
            continue
        if commands == [Delete(All())] and not _may_delete_everything(text, score):
            return None
        wants_edit = any(map(is_edit, commands))
        if not (_ASKS.match(text) if wants_edit else _DEMANDS_A_CHANGE.match(text)):
            return Guess(commands, score)
    return None


def _may_delete_everything(text: str, score: float) -> bool:
    return score >= _SURE_ABOVE and _TAKES_AWAY.search(text) is not None and _SPARES_SOME.search(text) is None


def _repair(text: str) -> Guess | None:
    """Try the sentence with its unknown words replaced by similar ones of the language."""
    words = text.split()
    # "To" is a word of the language as well as a misheard "two": such are tried one at a time.
    sure = [word if word in grammar_words() else _MISHEARD.get(word, word) for word in words]
    doubtful = [at for at, word in enumerate(sure) if word in _MISHEARD]
    one_each = [[*sure[:at], _MISHEARD[sure[at]], *sure[at + 1 :]] for at in doubtful]
    for candidate in (sure, *one_each, [_similar(word) for word in words]):
        commands = parse(" ".join(candidate)) if candidate != words else None
        if commands is not None:
            return Guess(commands, fuzz.ratio(text, " ".join(candidate)) / 100)
    return None


def _similar(word: str) -> str:
    if word in _vocabulary() or word in _MEANT or len(word) < 3:
        return word
    found = process.extractOne(word, _vocabulary(), scorer=fuzz.ratio, score_cutoff=_SIMILAR_ABOVE)
    return found[0] if found else word


@cache
def _vocabulary() -> tuple[str, ...]:
    words = {word for members in CLASSES.values() for member in members for word in member.split()}
    words.update(("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"))
    return tuple(sorted(words | set(grammar_words())))


# --- slots
# What is said of these is meant: a reading that leaves some of them out is none.
_CONTENT = {"COLOR_NAME", "SHAPE_NAME", "SHAPE_PLURAL", "NUMBER", "UNIT_NAME"}


def _fill(family: Family, tokens: list[Token]) -> list[Command] | None:
    rest = list(tokens)
    words: dict[str, str] = {}
    for slot in family.slots:
        span = _last_color(rest) if slot == "color" else longest_span(slot, rest)  # type: ignore[arg-type]
        if span is None:
            return None
        words[slot] = " ".join(str(token) for token in rest[slice(*span)])
        rest[slice(*span)] = [Token(UNKNOWN, "")]
    if any(token.type in _CONTENT for token in rest):
        return None
    return parse(family.rewrite.format(**_numbers_plain(words)))


def _last_color(tokens: list[Token]) -> tuple[int, int] | None:
    at = [index for index, token in enumerate(tokens) if token.type == "COLOR_NAME"]
    return (at[-1], at[-1] + 1) if at else None


def _numbers_plain(words: Mapping[str, str]) -> dict[str, str]:
    return {slot: re.sub(r"(\d)\.0\b", r"\1", text) for slot, text in words.items()}


# --- similarity
def _rank(text: str) -> list[tuple[float, Family | None]]:
    """Return the families by falling score, None standing for chat."""
    vector = _vector(text, _index().weights)
    scores: dict[Family | None, list[float]] = {}
    for family, example in _index().examples:
        scores.setdefault(family, []).append(_cosine(vector, example))
    means = [(_mean_of_best(values), family) for family, values in scores.items()]
    return sorted(means, key=lambda item: -item[0])


def _mean_of_best(values: list[float]) -> float:
    best = sorted(values, reverse=True)[:_NEAREST_EXAMPLES]
    return sum(best) / len(best)


@dataclass(frozen=True)
class _Index:
    """The examples as unit vectors, and what each feature weighs."""

    weights: Mapping[str, float]
    examples: list[tuple[Family | None, dict[str, float]]]


@cache
def _index() -> _Index:
    labelled: list[tuple[Family | None, str]] = [(family, text) for family in FAMILIES for text in family.examples]
    labelled += [(None, text) for text in CHAT]
    features = [Counter(_features(text)) for _, text in labelled]
    seen = Counter(feature for counts in features for feature in counts)
    weights = {feature: math.log(len(labelled) / count) + 1 for feature, count in seen.items()}
    return _Index(weights, [(family, _vector(text, weights)) for family, text in labelled])


def _vector(text: str, weights: Mapping[str, float]) -> dict[str, float]:
    unseen = _UNSEEN_WEIGHT
    counts = Counter(_features(text))
    vector = {feature: (1 + math.log(count)) * weights.get(feature, unseen) for feature, count in counts.items()}
    norm = math.sqrt(sum(value * value for value in vector.values())) or 1.0
    return {feature: value / norm for feature, value in vector.items()}


def _cosine(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    small, large = (a, b) if len(a) < len(b) else (b, a)
    return sum(value * large.get(feature, 0.0) for feature, value in small.items())


def _features(text: str) -> Iterator[str]:
    """Yield words, pairs of words and triples of letters in each word, with all shapes, colours and numbers alike."""
    words = [_ALIKE.get(token.type, str(token)) for token in known_tokens(text)]
    yield from words
    yield from (f"{first} {second}" for first, second in pairwise(words))
    for word in words:
        padded = f"^{word}$"
        yield from (f"#{padded[at : at + 3]}" for at in range(len(padded) - 2))


_ALIKE = {
    "SHAPE_NAME": "cube", "SHAPE_PLURAL": "cubes", "COLOR_NAME": "red", "NUMBER": "two", "UNIT_NAME": "meters",
    "SIZE_NAME": "small",
}  # fmt: skip
