"""From a sentence to the tokens of the grammar: spelling, contractions, numbers, colour names of several words."""

import re
from collections.abc import Iterator, Mapping

from lark import Token

from scene_language.colors import COLORS
from scene_language.lexicon import MATERIALS, PLURALS, SHAPES, SIZES_M, UNITS_M
from scene_language.numbers import read_number

__all__ = ("CLASSES", "UnknownWordError", "normalize", "tokenize")

# Words that the grammar uses as themselves too: they cannot also belong to a class, one word being one token.
_OWN_WORDS = {"big", "large", "little"}

CLASSES: Mapping[str, tuple[str, ...]] = {
    "SHAPE_NAME": SHAPES,
    "SHAPE_PLURAL": tuple(PLURALS),
    "SIZE_NAME": tuple(word for word in SIZES_M if word not in _OWN_WORDS),
    "MATERIAL_NAME": MATERIALS,
    "UNIT_NAME": tuple(UNITS_M),
    "COLOR_NAME": tuple(COLORS),
}
"""Word class → its members; numbers are read by `scene_language.numbers`."""

_CLASS_OF_WORD = {word: name for name, words in CLASSES.items() if name != "COLOR_NAME" for word in words}
_COLOR_BY_WORDS = {tuple(name.split()): name for name in COLORS} | {(name.replace(" ", ""),): name for name in COLORS}
_LONGEST_COLOR_NAME = max(len(words) for words in _COLOR_BY_WORDS)

_SPELLINGS = (
    (re.compile(r"[’`]"), "'"),
    (re.compile(r"\b(what|where|that|it|who|there|how|one|everything)'s\b"), r"\1 is"),
    # Not words of the grammar: the recogniser would hear "us" for "yes".
    (re.compile(r"^(let's|let us) (?!have\b)"), ""),
    (re.compile(r"\bok\b"), "okay"),
    # Said before almost anything; "okay", "hello" and "hello there" alone are sentences.
    (re.compile(r"^(?:(?:okay|alright|all right|so|well|oh|ah|hey|hi|hello),? )+(?!there\b|how\b)(?=\w)"), ""),
    (re.compile(r"\b(can't|can not)\b"), "cannot"),
    (re.compile(r"\bi'd\b"), "i would"),
    (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"\b(do|does|did|is|are|was|should|would|could|wo)n't\b"), r"\1 not"),
    (re.compile(r"(\d)\s*%"), r"\1 percent"),
    (re.compile(r"(\d)\s*°"), r"\1 degrees"),
    (re.compile(r"(\d)([a-z])"), r"\1 \2"),
    (re.compile(r"\b(um+|uh+|er|erm|hm+)\b"), " "),
    (re.compile(r"\.(?!\d)|(?<!\d)\.(?=\d\b\s*$)"), " "),
    (re.compile(r"[^\w\s.']|_"), " "),
    (re.compile(r"\bwebcam\b"), "camera"),
    (re.compile(r"\bgrey\b"), "gray"),
    (re.compile(r"\bcolour(s?)\b"), r"color\1"),
    (re.compile(r"\b(toward|forward|backward|upward|downward)s\b"), r"\1"),
)


class UnknownWordError(Exception):
    """A word that the grammar does not know; such a sentence is not parsed, never repaired by leaving the word out."""


def normalize(text: str) -> str:
    """Return the sentence in lower case, in American spelling, without punctuation, hesitations and contractions."""
    text = text.lower()
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


def tokenize(text: str, words: Mapping[str, str]) -> Iterator[Token]:
    """Yield the tokens of a normalised sentence; ``words`` maps the grammar's own words to their terminals.

    Raises:
        UnknownWordError: a word belongs neither to the grammar nor to a class.
    """
    parts = text.split()
    at = 0
    while at < len(parts):
        token, at = _next_token(parts, at, words)
        yield token


def _next_token(parts: list[str], at: int, words: Mapping[str, str]) -> tuple[Token, int]:
    number = read_number(parts, at)
    # "One" alone is a pronoun or an article as often as a number: the grammar decides.
    if number is not None and parts[at : number[1]] != ["one"]:
        return Token("NUMBER", repr(number[0])), number[1]
    for length in range(_LONGEST_COLOR_NAME, 0, -1):
        color = _COLOR_BY_WORDS.get(tuple(parts[at : at + length]))
        if color is not None:
            return Token("COLOR_NAME", color), min(at + length, len(parts))
    word = parts[at]
    terminal = _CLASS_OF_WORD.get(word) or words.get(word)
    if terminal is None:
        raise UnknownWordError(word)
    return Token(terminal, word), at + 1
