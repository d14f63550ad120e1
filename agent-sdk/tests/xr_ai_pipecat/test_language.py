"""Sentences, fillers and the wish for silence."""

import pytest

from xr_ai_pipecat._phrases import is_filler, is_stop
from xr_ai_pipecat._sentences import SentenceBuffer


def _sentences(*pieces: str) -> list[str]:
    buffer = SentenceBuffer()
    return [sentence for piece in pieces for sentence in buffer.feed(piece)] + buffer.flush()


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["I added a box. It is red!"], ["I added a box.", "It is red!"]),
        (["It is 1", ".", "5 metres away."], ["It is 1.5 metres away."]),
        (["Dr", ". Smith is here. ", "Hello?"], ["Dr. Smith is here.", "Hello?"]),
        (["It is 2 m e.g. here. Yes."], ["It is 2 m e.g. here.", "Yes."]),
        (["She said \u201cgo.\u201d And", " left."], ["She said \u201cgo.\u201d", "And left."]),
        (["Well... fine."], ["Well...", "fine."]),
        (["On it"], ["On it"]),
        (["There are 3. ", "Good."], ["There are 3.", "Good."]),
        (["  "], []),
    ],
)
def test_sentences_are_cut_where_they_end(pieces: list[str], expected: list[str]) -> None:
    assert _sentences(*pieces) == expected


def test_a_sentence_is_given_back_as_soon_as_it_is_sure_to_end() -> None:
    buffer = SentenceBuffer()
    assert buffer.feed("I added a box.") == ["I added a box."]
    assert buffer.feed(" It is 1.") == []
    assert buffer.feed("5 m. ") == ["It is 1.5 m."]


def test_a_sentence_without_end_is_broken_at_a_space() -> None:
    sentences = _sentences("word " * 200)
    assert all(len(sentence) <= 240 for sentence in sentences)
    assert " ".join(sentences).split() == ["word"] * 200


@pytest.mark.parametrize(
    "text", ["stop", "Stop!", "please stop", "stop it", "be quiet", "Quiet please.", "shut up", "okay stop now"]
)
def test_short_calls_for_silence_are_understood(text: str) -> None:
    assert is_stop(text)


@pytest.mark.parametrize(
    "text",
    [
        "make a stop sign",
        "don't stop",
        "the bus stop",
        "Is it quiet?",
        "That's quiet",
        "stop moving the cube",
        "quiet?",
        "put a stop sign next to the box",
        "",
    ],
)
def test_sentences_about_stopping_are_no_call_for_silence(text: str) -> None:
    assert not is_stop(text)


@pytest.mark.parametrize("text", ["um", "Uh,", "mm-hmm", "yeah", "Okay.", "uh huh", "hmm okay", "so um"])
def test_fillers_are_recognised(text: str) -> None:
    assert is_filler(text)


@pytest.mark.parametrize("text", ["okay delete it", "no", "so what", "undo", "red", ""])
def test_requests_are_no_fillers(text: str) -> None:
    assert not is_filler(text)


@pytest.mark.parametrize(("text", "expected"), [("yes", False), ("mm-hmm", False), ("uh huh", False), ("um", True)])
def test_yes_is_an_answer_when_something_was_asked(text: str, expected: bool) -> None:
    assert is_filler(text, answers_question=True) is expected
