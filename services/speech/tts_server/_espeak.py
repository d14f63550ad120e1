"""espeak-ng through ctypes: the library and its voices come with the `espeakng-loader` wheel.

espeak-ng is GPL-3 and lives in this server's process alone. Its interface is `speak_lib.h` of espeak-ng 1.52.
"""

import ctypes
import threading

import espeakng_loader

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_END_PAUSE = 0x1000
_PARAMETER_RATE = 1
_POSITION_CHARACTER = 1
# Length of the pieces in which audio is handed over: small enough for a quick first sound, large enough to be cheap.
_BUFFER_MS = 60
# Words per minute at speed 1.0: a little slower than espeak's own 175, which listeners find hurried.
_BASE_RATE_WPM = 165

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class EspeakError(Exception):
    """espeak-ng could not be set up or could not speak; the message says which call failed."""


class Espeak:
    """One espeak-ng instance; its state is global to the process, so calls are serialised."""

    def __init__(self, voice: str) -> None:
        """Load the library and choose ``voice``, an espeak-ng voice name such as ``en-us``.

        Raises:
            EspeakError: the library does not start, or has no such voice.
        """
        self._lock = threading.Lock()
        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        data_path = str(espeakng_loader.get_data_path()).encode()
        self.sample_rate: int = self._lib.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, data_path, _INITIALIZE_DONT_EXIT
        )
        if self.sample_rate <= 0:
            raise EspeakError(
                f"espeak_Initialize failed with {self.sample_rate}; its data folder is {data_path.decode()}"
            )
        self._voice = ""
        self._select(voice)
        self._default_voice = voice

    def synthesize(self, text: str, *, voice: str | None = None, speed: float = 1.0) -> bytes:
        """Speak ``text`` into 16-bit mono PCM at `sample_rate`. ``speed`` 1.0 is the normal pace.

        Raises:
            EspeakError: unknown voice, or espeak-ng refused the text.
        """
        pieces: list[bytes] = []

        def collect(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int) -> int:
            if samples and count > 0:
                pieces.append(ctypes.string_at(samples, count * ctypes.sizeof(ctypes.c_short)))
            return 0

        encoded = text.encode()
        with self._lock:
            self._select(voice or self._default_voice)
            self._lib.espeak_SetParameter(_PARAMETER_RATE, round(_BASE_RATE_WPM * speed), 0)
            callback = _Callback(collect)
            self._lib.espeak_SetSynthCallback(callback)
            status = self._lib.espeak_Synth(
                encoded, len(encoded) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8 | _END_PAUSE, None, None
            )
        if status != 0:
            raise EspeakError(f"espeak_Synth failed with {status} for a text of {len(text)} characters")
        return b"".join(pieces)

    def _select(self, voice: str) -> None:
        if voice == self._voice:
            return
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise EspeakError(f"espeak-ng has no voice {voice!r}; names are like 'en-us', 'en', 'de', 'en-us+f3'")
        self._voice = voice
