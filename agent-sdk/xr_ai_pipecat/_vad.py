"""Silero's voice activity model (the one that pipecat ships), off the event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from typing import Protocol

from pipecat.audio.vad.silero import SileroOnnxModel

from xr_ai_pipecat._resample import SPEECH_RATE_HZ, to_float
from xr_ai_pipecat._segmenter import WINDOW_BYTES, WINDOW_S

# Long silence or noise dulls the model's memory; clearing it now and then, outside speech, keeps it sharp.
_RESET_AFTER_S = 2.0


class SpeechDetector(Protocol):
    """Tells how likely 32 ms windows are to be speech."""

    async def probabilities(self, windows: list[bytes], *, is_quiet: bool) -> list[float]:
        """Return one probability per window; ``is_quiet`` says that no utterance is under way."""
        ...


class SileroDetector:
    """One participant's stream; the model's memory runs from window to window."""

    def __init__(self, model: SileroOnnxModel) -> None:
        self._model = model
        self._quiet_windows = 0

    @classmethod
    async def load(cls) -> "SileroDetector":
        """Load the model in a thread (60 ms)."""
        return cls(await asyncio.get_running_loop().run_in_executor(_thread(), _load_model))

    async def probabilities(self, windows: list[bytes], *, is_quiet: bool) -> list[float]:
        """See `SpeechDetector`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_thread(), self._classify, windows, is_quiet)

    def _classify(self, windows: list[bytes], is_quiet: bool) -> list[float]:
        self._quiet_windows = self._quiet_windows + len(windows) if is_quiet else 0
        if self._quiet_windows * WINDOW_S >= _RESET_AFTER_S:
            self._model.reset_states()  # type: ignore[no-untyped-call]
            self._quiet_windows = 0
        return [float(self._model(to_float(window), SPEECH_RATE_HZ)[0, 0]) for window in windows]


class WindowCutter:
    """Cuts a byte stream into whole windows, however it was chunked."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, pcm: bytes) -> list[bytes]:
        """Return the windows that are complete now."""
        data = self._rest + pcm
        count = len(data) // WINDOW_BYTES
        self._rest = data[count * WINDOW_BYTES :]
        return [data[index * WINDOW_BYTES : (index + 1) * WINDOW_BYTES] for index in range(count)]


@cache
def _thread() -> ThreadPoolExecutor:
    # One thread serves everybody: a window takes 0.15 ms and comes every 32 ms.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="vad")


def _load_model() -> SileroOnnxModel:
    path = resources.files("pipecat.audio.vad.data").joinpath("silero_vad.onnx")
    return SileroOnnxModel(str(path), force_onnx_cpu=True)  # type: ignore[no-untyped-call]
