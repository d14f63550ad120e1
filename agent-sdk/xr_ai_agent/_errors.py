"""The exception tree of the package; every class is exported by `xr_ai_agent`."""


class AgentSdkError(Exception):
    """Base of everything this package raises on purpose."""


class CodecError(AgentSdkError):
    """A message cannot be encoded or decoded."""


class UnknownMessageError(CodecError, KeyError):
    """No codec is registered for a message id."""

    def __str__(self) -> str:
        # KeyError would show the repr of its argument instead of the sentence.
        return Exception.__str__(self)


class MalformedMessageError(CodecError, ValueError):
    """The bytes are not a message of the kind they claim to be."""


class InvalidIdError(AgentSdkError, ValueError):
    """A participant, track, connector or topic name that must not cross the hub."""


class AddressInUseError(AgentSdkError, OSError):
    """Another hub already serves this address."""


class InsecureAddressError(AgentSdkError, ValueError):
    """An address that other machines could reach, without keys that keep strangers out."""


class KeyFileError(AgentSdkError, ValueError):
    """A file or folder of CURVE keys is missing or holds no key."""


class RingError(AgentSdkError, RuntimeError):
    """A frame ring cannot take or give a frame."""


class RingFullError(RingError):
    """Every slot of a connector's ring is still held by the hub."""


class FrameTooLargeError(RingError, ValueError):
    """A frame has more bytes than a slot of its ring."""
