"""The recogniser's sentences: of the language, reproducible, and covering what people say to the demo."""

from functools import cache

import pytest
from pocketsphinx import Decoder

from scene_language import PRONUNCIATIONS, parse, sample_sentences, vocabulary


def test_every_sampled_sentence_parses():
    assert [text for text in sample_sentences(200, seed=5) if parse(text) is None] == []


def test_the_same_seed_gives_the_same_sentences():
    assert sample_sentences(50, seed=1) == sample_sentences(50, seed=1)
    assert sample_sentences(50, seed=1) != sample_sentences(50, seed=2)


def test_no_sentence_uses_a_word_outside_the_vocabulary():
    words = {word for sentence in sample_sentences(5_000, seed=2) for word in sentence.split()}
    assert words <= vocabulary()
    assert not any(character.isdigit() for word in words for character in word)


def test_every_word_has_a_pronunciation():
    decoder = Decoder(lm=None)
    missing = {word for word in vocabulary() if decoder.lookup_word(word) is None}
    assert missing <= set(PRONUNCIATIONS)


@pytest.mark.parametrize(
    "text",
    [
        "put a red cube two meters in front of me",
        "make it blue",
        "delete it",
        "what do you see",
        "add a green sphere to my left",
        "undo that",
        "move it up a bit",
        "make it bigger",
        "hello",
        "yes",
        "no",
        "thank you",
    ],
)
def test_the_trigrams_of_common_requests_are_in_the_corpus(text):
    """A language model of trigrams knows a sentence when it has seen each three words of it in a row."""
    seen = _trigrams()
    words = ["<s>", *text.split(), "</s>"]
    assert [words[at : at + 3] for at in range(len(words) - 2) if tuple(words[at : at + 3]) not in seen] == []


@cache
def _trigrams() -> frozenset[tuple[str, ...]]:
    padded = [["<s>", *sentence.split(), "</s>"] for sentence in sample_sentences(10_000, seed=0)]
    return frozenset(tuple(words[at : at + 3]) for words in padded for at in range(len(words) - 2))
