"""The exception tree of the package; every class is exported by `xr_ai_client`."""


class ClientError(Exception):
    """Base of everything this package raises on purpose."""


class JoinRefusedError(ClientError):
    """The hub gave no token; ``status`` is its HTTP status, the message its reason."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ConnectionFailedError(ClientError, ConnectionError):
    """The hub or its media server cannot be reached."""


class NotConnectedError(ClientError, RuntimeError):
    """The participant has left, or was disconnected."""


class DataTooLargeError(ClientError, ValueError):
    """A data message is larger than any hub takes."""


class NotSentError(ClientError, ConnectionError):
    """The connection broke before a data message was sent."""


class NotPublishedError(ClientError, ConnectionError):
    """The media server did not take a microphone or camera."""
