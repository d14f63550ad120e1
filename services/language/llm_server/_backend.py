"""What stands behind the chat path."""

from typing import Protocol

from xr_ai_program.chat import ChatReply, ChatRequest

__all__ = ("Backend",)


class Backend(Protocol):
    """Answers chat requests; called from worker threads, several at a time."""

    @property
    def name(self) -> str:
        """What really answers, for `/v1/models` and `system_fingerprint`."""
        ...

    def reply(self, request: ChatRequest) -> ChatReply:
        """Answer one request.

        Raises:
            ApiError: the request asks for something that this backend cannot do.
        """
        ...
