"""The demo's spoken command language: what can be said, what it means, and how to say it back.

`parse` is strict: only what parses may change the scene. `guess` reads what does not parse, `guard` says what must
never be read as a request, `unknown_thing`, `unknown_place`, `unknown_change`, `unknown_arrangement`,
`meaningless_place` and `unknown_words` what a request wants that the language has no word for. `describe` says a
command in words that parse to it. `sample_sentences`, `vocabulary` and `PRONUNCIATIONS` feed a speech recogniser with
the same language::

    parse("make the cube blue")  # [Recolor(target=The(shape='cube', ...), color='blue')]
"""

from scene_language._parser import parse
from scene_language.commands import Command
from scene_language.corpus import sample_sentences, vocabulary
from scene_language.describe import describe
from scene_language.guard import guard
from scene_language.lexicon import PRONUNCIATIONS
from scene_language.ranker import Guess, guess
from scene_language.strangers import (
    meaningless_place,
    unknown_arrangement,
    unknown_change,
    unknown_place,
    unknown_thing,
    unknown_words,
    wanted_shape,
)

__all__ = (
    "PRONUNCIATIONS",
    "Command",
    "Guess",
    "describe",
    "guard",
    "guess",
    "meaningless_place",
    "parse",
    "sample_sentences",
    "unknown_arrangement",
    "unknown_change",
    "unknown_place",
    "unknown_thing",
    "unknown_words",
    "vocabulary",
    "wanted_shape",
)
