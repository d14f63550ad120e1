"""How speech is cut into utterances and answered; times are seconds."""

from dataclasses import dataclass

__all__ = ("VadConfig", "VoiceConfig")


@dataclass(frozen=True)
class VadConfig:
    """When somebody speaks.

    Attributes:
        silence_duration: silence that ends an utterance.
        min_speech: shorter sounds are clicks, not speech.
        silero_threshold: speech probability above which a 32 ms window counts as speech.
        max_utterance: an utterance is cut here, so that a noisy room cannot fill the memory.
        preroll: audio kept from before the first speech window, so that the first sound is not clipped.
    """

    silence_duration: float = 0.8
    min_speech: float = 0.15
    silero_threshold: float = 0.5
    max_utterance: float = 30.0
    preroll: float = 0.4


@dataclass(frozen=True)
class VoiceConfig:
    """One participant's voice pipeline.

    Attributes:
        stt_timeout: longest wait for a transcript.
        tts_timeout: longest wait for one sentence's audio.
        parallel_synthesis: sentences synthesised at once; they are always played in order.
    """

    vad: VadConfig = VadConfig()
    stt_timeout: float = 30.0
    tts_timeout: float = 30.0
    parallel_synthesis: int = 2
