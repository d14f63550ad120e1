"""The exception tree of the hub; see the package's docstring."""

from xr_ai_program import ProgramError


class HubError(ProgramError):
    """Base of everything the hub raises on purpose once it runs."""


class LiveKitServerDied(HubError):
    """The LiveKit server process of this hub exited."""


class HubTaskEnded(HubError):
    """A part of the hub that runs as long as the hub does has ended."""


class RoomUnavailable(HubError):
    """LiveKit did not create or open a room in time."""


class JoinRefused(HubError):
    """A participant is not admitted; the text is meant for the client.

    Attributes:
        status: the HTTP status that says the same.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
