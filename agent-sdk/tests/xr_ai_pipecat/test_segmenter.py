"""Cutting windows into utterances, without audio or clocks."""

from dataclasses import replace

import pytest

from xr_ai_pipecat._segmenter import WINDOW_BYTES, WINDOW_S, Segmenter, SpeechEvent
from xr_ai_pipecat.config import VadConfig

SPEECH, SILENCE = 0.9, 0.02
CONFIG = VadConfig(silence_duration=0.8, min_speech=0.15, max_utterance=30.0, preroll=0.4)


def _windows(seconds: float) -> int:
    return round(seconds / WINDOW_S)


def _feed(segmenter: Segmenter, probability: float, seconds: float, mark: int = 0) -> list[SpeechEvent]:
    window = bytes([mark]) * WINDOW_BYTES
    return [segmenter.feed(window, probability) for _ in range(_windows(seconds))]


def test_an_utterance_starts_once_and_ends_after_the_silence() -> None:
    segmenter = Segmenter(CONFIG)
    events = _feed(segmenter, SPEECH, 1.0) + _feed(segmenter, SILENCE, 1.0)
    assert events.count(SpeechEvent.STARTED) == 1
    assert events.index(SpeechEvent.STARTED) * WINDOW_S == pytest.approx(0.15, abs=WINDOW_S)
    assert events.count(SpeechEvent.FINISHED) == 1
    assert events.index(SpeechEvent.FINISHED) * WINDOW_S == pytest.approx(1.8, abs=2 * WINDOW_S)


def test_the_utterance_holds_the_preroll_and_a_short_tail() -> None:
    segmenter = Segmenter(CONFIG)
    _feed(segmenter, SILENCE, 2.0, mark=1)
    _feed(segmenter, SPEECH, 1.0, mark=2)
    _feed(segmenter, SILENCE, 1.0, mark=3)
    audio, speech_s = segmenter.take()
    seconds = {mark: audio.count(mark) / WINDOW_BYTES * WINDOW_S for mark in (1, 2, 3)}
    assert seconds[1] >= 0.32
    assert seconds[1] == pytest.approx(0.4, abs=WINDOW_S)
    assert seconds[2] == pytest.approx(1.0, abs=WINDOW_S)
    assert seconds[3] == pytest.approx(0.4, abs=WINDOW_S)
    assert speech_s == pytest.approx(1.0, abs=WINDOW_S)
    assert segmenter.take() == (b"", 0.0)


def test_a_click_is_forgotten_instead_of_recording_half_a_minute_of_silence() -> None:
    segmenter = Segmenter(CONFIG)
    assert SpeechEvent.STARTED not in _feed(segmenter, SPEECH, WINDOW_S)
    events = _feed(segmenter, SILENCE, 40.0)
    assert set(events) == {SpeechEvent.NOTHING}
    assert segmenter.is_quiet


def test_unrelated_clicks_never_add_up_to_speech() -> None:
    segmenter = Segmenter(CONFIG)
    events = []
    for _ in range(50):
        events += _feed(segmenter, SPEECH, WINDOW_S) + _feed(segmenter, SILENCE, 1.0)
    assert set(events) == {SpeechEvent.NOTHING}


def test_a_word_after_a_click_keeps_its_beginning() -> None:
    segmenter = Segmenter(CONFIG)
    _feed(segmenter, SPEECH, WINDOW_S, mark=1)
    _feed(segmenter, SILENCE, 0.35, mark=2)
    _feed(segmenter, SPEECH, 0.5, mark=3)
    _feed(segmenter, SILENCE, 1.0)
    audio, _ = segmenter.take()
    assert audio.count(2) / WINDOW_BYTES * WINDOW_S >= 0.28


def test_short_pauses_do_not_end_an_utterance_and_quieter_speech_continues_it() -> None:
    segmenter = Segmenter(CONFIG)
    events = _feed(segmenter, SPEECH, 0.5) + _feed(segmenter, SILENCE, 0.7) + _feed(segmenter, 0.4, 0.5)
    assert SpeechEvent.FINISHED not in events + _feed(segmenter, SILENCE, 0.7)
    assert SpeechEvent.FINISHED in _feed(segmenter, SILENCE, 0.2)


def test_speech_without_end_is_cut_at_the_limit() -> None:
    segmenter = Segmenter(replace(CONFIG, max_utterance=5.0))
    events = _feed(segmenter, SPEECH, 12.0)
    assert events.count(SpeechEvent.FINISHED) == 2
    audio, _ = segmenter.take()
    assert len(audio) / WINDOW_BYTES * WINDOW_S == pytest.approx(5.0, abs=WINDOW_S)
