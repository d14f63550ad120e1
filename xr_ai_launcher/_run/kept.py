"""A persistent role as the stack that uses it sees it: through the control socket of its keeper."""

from __future__ import annotations

import os
from collections.abc import Callable

from xr_ai_launcher._control.client import Control
from xr_ai_launcher._control.errors import ControlError
from xr_ai_launcher._run.keeping import Keeper
from xr_ai_launcher._run.loop import Loop

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from xr_ai_launcher._control.model import Event, RoleStatus

__all__ = ("KeptRole",)


class KeptRole:
    """Passes on what happens to the role; `on_gone` comes once, when its keeper has ended."""

    def __init__(
        self,
        keeper: Keeper,
        loop: Loop,
        on_change: Callable[[str, RoleStatus, str], None],
        on_gone: Callable[[int, str], None],
    ) -> None:
        """``on_change`` gets the kind of event (``found`` for how it is at first), the role and a text."""
        self.keeper = keeper
        self.pid: int | None = None
        self.log_path = ""
        self._loop = loop
        self._on_change = on_change
        self._on_gone = on_gone
        self._name = ""
        self._control: Control | None = None
        self._subscription = 0
        self._ending: Event | None = None

    def begin(self) -> str:
        """Have the role started if it is new, and listen to its keeper; return what makes that impossible, or ""."""
        if self.keeper.is_new:
            os.write(self.keeper.start, b"1")
            os.close(self.keeper.start)
        try:
            self._control = Control(self.keeper.runtime)
            self._subscription = self._control.send("subscribe")
        except ControlError as error:
            return str(error)
        self._loop.add_reader(self._control.fileno(), self._read)
        return ""

    def restart(self) -> None:
        """Have the role stopped and started again; events tell how it goes."""
        if self._control is not None:
            self._control.send("restart", self._name)

    def leave(self, *, stop: bool) -> None:
        """Listen no more; with ``stop`` the role is ended, too."""
        if self._control is None:
            return
        try:
            if stop:
                self._control.send("down")
        except ControlError:
            pass  # it was faster
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        self._control = None

    def _read(self) -> None:
        assert self._control is not None
        try:
            events = self._control.read_events()
        except ControlError as error:
            self._gone(1, str(error))
            return
        answer = self._control.answer(self._subscription)
        if answer is not None:
            self._found(answer)
        for event in events:
            if event.kind == "ending":
                self._ending = event
            elif event.role is not None:
                self._take(event.kind, event.role, event.text)
        if self._control is not None and self._control.is_closed:
            self._gone_as_told()

    def _found(self, answer: dict[str, object]) -> None:
        from xr_ai_launcher._control.model import StackStatus

        status = StackStatus.from_json(answer)
        self._take("found", status.roles[0], "")

    def _take(self, kind: str, role: RoleStatus, text: str) -> None:
        self._name, self.pid, self.log_path = role.name, role.pid, role.log_path
        self._on_change(kind, role, text)

    def _gone_as_told(self) -> None:
        if self._ending is None:
            self._gone(1, "its keeper was killed")
        else:
            self._gone(self._ending.exit_code or 0, self._ending.text)

    def _gone(self, code: int, text: str) -> None:
        self.leave(stop=False)
        self.pid = None
        self._on_gone(code, text)
