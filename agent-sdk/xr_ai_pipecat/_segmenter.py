"""From "is this window speech?" to utterances: a state machine without audio libraries or clocks."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from xr_ai_pipecat.config import VadConfig

WINDOW_SAMPLES = 512
WINDOW_BYTES = 2 * WINDOW_SAMPLES
WINDOW_S = WINDOW_SAMPLES / 16_000
# Speech goes on through quieter windows than it begins with (Silero's own advice).
_HYSTERESIS = 0.15
# A click is forgotten after this much silence, so that unrelated clicks never add up to "speech".
_BLIP_SILENCE_S = 0.3
# Recognisers want some silence at the end, not all that it took to be sure.
_KEPT_TAIL_S = 0.4


class SpeechEvent(Enum):
    """What a window completed."""

    NOTHING = auto()
    STARTED = auto()
    FINISHED = auto()


class _State(Enum):
    QUIET = auto()
    MAYBE = auto()
    SPEAKING = auto()


@dataclass
class Segmenter:
    """Feed it 32 ms windows with their speech probability; after FINISHED take the utterance."""

    config: VadConfig
    _state: _State = _State.QUIET
    _preroll: deque[bytes] = field(init=False)
    _windows: list[bytes] = field(default_factory=list)
    _speech_windows: int = 0
    _silent_windows: int = 0
    _finished: tuple[bytes, float] = (b"", 0.0)

    def __post_init__(self) -> None:
        self._preroll = deque(maxlen=max(1, round(self.config.preroll / WINDOW_S)))

    @property
    def is_quiet(self) -> bool:
        """Whether nothing like speech is going on."""
        return self._state is _State.QUIET

    def feed(self, window: bytes, probability: float) -> SpeechEvent:
        """Take the next window (512 samples, 16 kHz, 16 bit) and say what it completed."""
        threshold = self.config.silero_threshold
        if self._state is _State.SPEAKING:
            threshold -= min(_HYSTERESIS, threshold / 2)
        is_speech = probability >= threshold
        if self._state is _State.QUIET:
            if not is_speech:
                self._preroll.append(window)
                return SpeechEvent.NOTHING
            self._begin()
        self._windows.append(window)
        self._speech_windows += is_speech
        self._silent_windows = 0 if is_speech else self._silent_windows + 1
        return self._judge()

    def take(self) -> tuple[bytes, float]:
        """Return the finished utterance's PCM and how much of it was speech, in seconds."""
        finished, self._finished = self._finished, (b"", 0.0)
        return finished

    def _begin(self) -> None:
        self._state = _State.MAYBE
        self._windows = list(self._preroll)
        self._preroll.clear()
        self._speech_windows = self._silent_windows = 0

    def _judge(self) -> SpeechEvent:
        silence_s = self._silent_windows * WINDOW_S
        if self._state is _State.MAYBE:
            if self._speech_windows * WINDOW_S >= self.config.min_speech:
                self._state = _State.SPEAKING
                return SpeechEvent.STARTED
            if silence_s >= min(_BLIP_SILENCE_S, self.config.silence_duration):
                self._end()
            return SpeechEvent.NOTHING
        if silence_s >= self.config.silence_duration or len(self._windows) * WINDOW_S >= self.config.max_utterance:
            self._finish()
            return SpeechEvent.FINISHED
        return SpeechEvent.NOTHING

    def _finish(self) -> None:
        surplus = self._silent_windows - round(_KEPT_TAIL_S / WINDOW_S)
        kept = self._windows[: len(self._windows) - surplus] if surplus > 0 else self._windows
        self._finished = (b"".join(kept), self._speech_windows * WINDOW_S)
        self._end()

    def _end(self) -> None:
        # What was heard last may be the start of the next word.
        self._preroll.extend(self._windows[-self._silent_windows :] if self._silent_windows else ())
        self._windows = []
        self._state = _State.QUIET
