"""The exception tree of the models SDK; see the package's docstring."""


class ModelError(Exception):
    """Base of everything this package raises about a model server or its declaration."""


class ModelConfigError(ModelError, ValueError):
    """A model is declared wrongly; the message names the entry, the key, what was found and what was expected."""


class UnknownModelError(ModelConfigError, KeyError):
    """No entry of that logical name, or no preset of that name."""

    # KeyError shows the repr of its argument; these messages are sentences.
    __str__ = Exception.__str__


class WrongCategoryError(ModelConfigError, TypeError):
    """The entry exists and is of another category (an STT asked for as an LLM)."""


class ModelUnavailableError(ModelError):
    """Nothing usable answers at the address: refused, unreachable, still loading, or the connection broke."""


class ModelTimeoutError(ModelUnavailableError):
    """The server took longer than the call's time limit."""


class ModelRefusedError(ModelError):
    """The server answered with an error status that another attempt would not change.

    Attributes:
        status: the HTTP status.
        detail: the first characters of the answer's body.
    """

    def __init__(self, message: str, *, status: int, detail: str) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail


class BadAnswerError(ModelError):
    """The server answered 2xx with something that is not what its protocol promises."""
