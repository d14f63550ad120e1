"""Tells whoever listens what happens in a run: the run record, and those connected to the control socket."""

from collections.abc import Callable

from xr_ai_launcher._run.role import Role

Listener = Callable[[str, Role | None, str, int | None], None]
"""Gets the kind of event (see `xr_ai_launcher._control.model.Event`), the role, a text and an exit code."""


class News:
    """The listeners of one run. They are called at once, in the order in which they came."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Hear everything from now on."""
        self._listeners.append(listener)

    def tell(self, kind: str, role: Role | None = None, text: str = "", exit_code: int | None = None) -> None:
        """Report one event."""
        for listener in self._listeners:
            listener(kind, role, text, exit_code)
