"""How long the embedded language takes to understand a request."""

from __future__ import annotations

import statistics
import time

from figures import Figure, most
from hub_slices import progress

from scene_language import parse, sample_sentences

__all__ = ("measure_language",)

_PART = "language"
_SLICES, _SENTENCES = 8, 30
# Of the time between the end of a sentence and the answer nobody notices this much.
_MUST_MS = 20


def measure_language(*, is_quick: bool) -> list[Figure]:
    """Sentences of the language, drawn at random with a fixed seed, one after the other: processor time of each."""
    slices = 4 if is_quick else _SLICES
    sentences = sample_sentences(slices * _SENTENCES, seed=3)
    parse(sentences[0])
    times_ms = []
    for number in range(slices):
        progress(f"language: {number + 1} of {slices}")
        part = sentences[number * _SENTENCES : (number + 1) * _SENTENCES]
        times_ms.append(statistics.median(_parse_ms(sentence) for sentence in part))
    return [Figure(_PART, "request understood, processor time", "ms", times_ms, must=most(_MUST_MS))]


def _parse_ms(sentence: str) -> float:
    began_s = time.process_time()
    parse(sentence)
    return 1e3 * (time.process_time() - began_s)
