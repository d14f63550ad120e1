"""The exception tree of the voice SDK; see the package's docstring."""


class VoiceError(Exception):
    """Base of everything this package raises on purpose."""


class BadAudioError(VoiceError, ValueError):
    """Audio that is not what it claims to be: a broken WAV, an impossible rate."""
