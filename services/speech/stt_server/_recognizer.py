"""pocketsphinx with two ears: one that expects the demo's commands, one for free speech when the first is in doubt."""

import math
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pocketsphinx import Decoder, get_model_path
from pocketsphinx.lm import ArpaBoLM
from rapidfuzz import fuzz

from stt_server._audio import SAMPLE_RATE

__all__ = ("Recognizer", "Transcript")

_DOMAIN = "domain"
_FREE = "free"
# Speech is fed in windows of the VAD's length, as it would be while somebody talks: with the cepstral mean carried
# over this was measured better than whole-utterance decoding (91 % against 89 % right commands).
_WINDOW_BYTES = 512 * 2
_NBEST = 15
# log of the utterance's posterior at which half of the belief is gone (bench/stt_confidence.py, 4 voices, 10 000
# sentences in the corpus): clean speech has 6 % of 120 commands asked about needlessly and 2 of 132 remarks heard as a
# change; with noise 20 dB below the speech no misheard command passes, where a threshold of -10 lets 3 % through.
_LOG_POSTERIOR_HALF = -6.5
# Spreads 0..1 in between: 0.99 is a clear command, 0.01 is none.
_LOG_POSTERIOR_SLOPE = 1.2
# Below this confidence the free ear listens too (about half a second more).
_DOUBT = 0.5
# Word-set likeness (0..100) of both ears above which they heard the same sentence.
_SAME_SENTENCE = 60
_MAX_ALTERNATIVES = 5
# Speakers whose cepstral mean is remembered; the one heard longest ago is forgotten first.
_MAX_USERS = 256
# Until somebody has been heard clearly once, a doubtful utterance is listened to again, with a cepstral mean closer to
# theirs. Of 120 first sentences 2 are asked about needlessly instead of 5. A third and a fourth time would let more be
# heard in noise, and more be misheard as well (7 of 120 instead of 3).
_TRIES_OF_A_NEW_VOICE = 2
_PRONUNCIATION_MARK = re.compile(r"\(\d+\)")


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard.

    Attributes:
        text: the best reading; empty when nothing was understood.
        confidence: 0..1, how sure the recogniser is that the utterance is this sentence of the command language.
        alternatives: further readings, best first, without `text`.
    """

    text: str
    confidence: float
    alternatives: tuple[str, ...]


class _Hearing(NamedTuple):
    """The command ear's readings, best first, the log of the best one's posterior, and the first that is a command."""

    readings: list[str]
    log_posterior: float
    command: str | None

    @property
    def is_clear(self) -> bool:
        """Whether it is believed without the free ear."""
        return self.command is not None and _confidence(self.log_posterior) >= _DOUBT


@dataclass(slots=True)
class _Voice:
    """What is known of a speaker: the cepstral mean, and whether they have been heard clearly."""

    mean: str
    is_familiar: bool = False


class Recognizer:
    """Turns utterances into text. Not re-entrant inside (one decoder); calls from several threads queue up."""

    def __init__(
        self, sentences: Sequence[str], pronunciations: Mapping[str, str], is_command: Callable[[str], bool]
    ) -> None:
        """Build the language model from ``sentences`` (lower case, no punctuation).

        ``pronunciations`` holds words the dictionary lacks, in ARPAbet (``{"torus": "T AO R AH S"}``). ``is_command``
        says whether a reading is a sentence of the command language: among near-equal readings the first such wins.

        Raises:
            ValueError: a word has no pronunciation; the message lists all of them.
        """
        self._is_command = is_command
        self._decoder = Decoder(lm=None, samprate=SAMPLE_RATE, loglevel="FATAL")
        self._lock = threading.Lock()
        self._voices: dict[str, _Voice] = {}
        self._initial_mean = self._decoder.get_cmn()
        self._add_words(sentences, pronunciations)
        with tempfile.TemporaryDirectory(prefix="xr-stt-") as folder:
            path = Path(folder, "commands.arpa")
            _write_language_model(sentences, path)
            self._decoder.add_lm_file(_DOMAIN, str(path))
        self._decoder.add_lm_file(_FREE, get_model_path("en-us/en-us.lm.bin"))

    def listen(self, pcm: bytes, user: str = "") -> tuple[list[str], float]:
        """Return the command ear's readings, best first, and the log of the best one's posterior; for calibration."""
        with self._lock:
            heard = self._listen(pcm, user)
            return heard.readings, heard.log_posterior

    def transcribe(self, pcm: bytes, user: str = "") -> Transcript:
        """Recognise ``pcm`` (16 kHz mono s16le); the voice's cepstral mean is carried over per ``user``."""
        with self._lock:
            heard = self._listen(pcm, user)
            confidence = _confidence(heard.log_posterior) if heard.readings else 0.0
            if heard.command is not None and heard.is_clear:
                return _transcript(confidence, [heard.command, *heard.readings])
            free, _ = self._decode(_FREE, pcm)
        return _weigh(heard.command, heard.readings, free, confidence)

    def _listen(self, pcm: bytes, user: str) -> _Hearing:
        voice = self._voice_of(user)
        means, hearings = [voice.mean], list[_Hearing]()
        for _ in range(1 if voice.is_familiar else _TRIES_OF_A_NEW_VOICE):
            self._decoder.set_cmn(means[-1])
            readings, log_posterior = self._decode(_DOMAIN, pcm)
            means.append(self._decoder.get_cmn(update=True))
            command = next((reading for reading in readings if self._is_command(reading)), None)
            hearings.append(_Hearing(readings, log_posterior, command))
            if hearings[-1].is_clear:
                voice.mean, voice.is_familiar = means[-1], True
                return hearings[-1]
        voice.mean = means[1]  # it may have been no speech at all
        return max(hearings, key=lambda hearing: hearing.log_posterior)

    def _decode(self, search: str, pcm: bytes) -> tuple[list[str], float]:
        decoder = self._decoder
        decoder.activate_search(search)
        decoder.start_utt()
        for start in range(0, len(pcm), _WINDOW_BYTES):
            decoder.process_raw(pcm[start : start + _WINDOW_BYTES])
        decoder.end_utt()
        best = decoder.hyp()
        if best is None or not best.hypstr:
            return [], -math.inf
        # nbest() may yield None in between; words carry marks of their pronunciation variant, as in "the(2)".
        nbest = [entry.hypstr for _, entry in zip(range(_NBEST), decoder.nbest(), strict=False) if entry is not None]
        readings = dict.fromkeys(_PRONUNCIATION_MARK.sub("", text).strip() for text in [best.hypstr, *nbest])
        readings.pop("", None)
        return list(readings), math.log(best.prob) if best.prob > 0 else -math.inf

    def _voice_of(self, user: str) -> _Voice:
        voice = self._voices.pop(user, None) or _Voice(self._initial_mean)
        self._voices[user] = voice
        if len(self._voices) > _MAX_USERS:
            self._voices.pop(next(iter(self._voices)))
        return voice

    def _add_words(self, sentences: Iterable[str], pronunciations: Mapping[str, str]) -> None:
        for word, phones in pronunciations.items():
            # Several ways to say a known word are added beside the dictionary's own.
            known = self._decoder.lookup_word(word)
            if known is None:
                self._decoder.add_word(word, phones, True)
            elif known != phones:
                self._decoder.add_word(f"{word}(9)", phones, True)
        words = {word for sentence in sentences for word in sentence.split()}
        unknown = sorted(word for word in words if self._decoder.lookup_word(word) is None)
        if unknown:
            raise ValueError(f"no pronunciation for {', '.join(unknown)}; add them to the language's pronunciations")


def _weigh(command: str | None, readings: list[str], free: list[str], confidence: float) -> Transcript:
    """Decide between the ears: a doubtful command counts only if the free ear heard much the same words."""
    if command is not None and (not free or fuzz.token_set_ratio(command, free[0]) >= _SAME_SENTENCE):
        return _transcript(confidence, [command, *free[:1], *readings])
    # Not a sentence of the command language: the free ear is the better one, and its text cannot edit by accident.
    return _transcript(min(confidence, _DOUBT), [*free[:3], *readings])


def _transcript(confidence: float, ranked: Iterable[str]) -> Transcript:
    text, *others = [*dict.fromkeys(ranked)] or [""]
    return Transcript(text, confidence if text else 0.0, tuple(others[:_MAX_ALTERNATIVES]))


def _write_language_model(sentences: Sequence[str], path: Path) -> None:
    model = ArpaBoLM(text="\n".join(f"<s> {sentence} </s>" for sentence in sentences), add_start=False)
    model.compute()
    model.write_file(str(path))


def _confidence(log_posterior: float) -> float:
    exponent = -_LOG_POSTERIOR_SLOPE * (log_posterior - _LOG_POSTERIOR_HALF)
    return round(1.0 / (1.0 + math.exp(min(exponent, 50.0))), 3)
