"""The demo's spoken command language: what can be said, what it means, and how to say it back.

`parse` is strict: only what parses may change the scene. `sample_sentences`, `vocabulary` and `PRONUNCIATIONS` feed a
speech recogniser with the same language; `describe` says a command in words that parse to it::

    parse("make the cube blue")  # [Recolor(target=The(shape='cube', ...), color='blue')]
"""

from scene_language._parser import parse
from scene_language.commands import Command
from scene_language.corpus import sample_sentences, vocabulary
from scene_language.describe import describe
from scene_language.lexicon import PRONUNCIATIONS

__all__ = ("PRONUNCIATIONS", "Command", "describe", "parse", "sample_sentences", "vocabulary")
