"""The full-screen application: a table of roles above, the log of the chosen one below."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Footer, Input, Static

from xr_ai_launcher._control.client import Control
from xr_ai_launcher._control.errors import ControlError
from xr_ai_launcher._view.figures import Sampler
from xr_ai_launcher._view.live import with_figures
from xr_ai_launcher._view.table import title
from xr_ai_launcher._view.tui.dialogs import Question
from xr_ai_launcher._view.tui.log_pane import LogPane
from xr_ai_launcher._view.tui.log_tail import LogTail
from xr_ai_launcher._view.tui.roles import RolesTable

if TYPE_CHECKING:
    from textual.events import Resize

    from xr_ai_launcher._control.model import Event, StackStatus
    from xr_ai_launcher._view.figures import Figures

__all__ = ("StackApp",)

_LOG_INTERVAL_S = 0.2
_CLOCK_INTERVAL_S = 1.0
_FIGURES_INTERVAL_S = 3.0


class StackApp(App[None]):
    """Shows one running stack. Its end is shown as well, so that a failure can be read."""

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "restart", "Restart role"),
        Binding("o", "open", "Open URL"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("n", "match(1)", "Next", show=False),
        Binding("N", "match(-1)", "Previous", show=False),
        Binding("f", "follow", "Follow log"),
        Binding("z", "enlarge", "Log only"),
        Binding("s", "stop", "Stop stack"),
        Binding("q,ctrl+c", "leave", "Quit", key_display="q"),
        Binding("escape", "calm", show=False),
    ]

    def __init__(self, control: Control, *, owns_stack: bool = False) -> None:
        """``owns_stack``: leaving stops the stack, since it was started for this view."""
        super().__init__()
        self._control = control
        self._owns_stack = owns_stack
        self._status: StackStatus = control.subscribe()
        self._figures: dict[str, Figures] = {}
        self._sampler = Sampler()
        self._tail: LogTail | None = None
        self._shown_role = ""
        self._ending = ""
        self._is_asked_to_stop = False
        # Kept, since a query sees only the topmost screen, which may be a question.
        self._heading = Static(id="title")
        self._table = RolesTable(id="roles")
        self._pane = LogPane(id="log")
        self._field = Input(
            placeholder="search the log; Enter, then n and Shift+N: next and previous, Esc: close", id="search"
        )

    @property
    def status(self) -> StackStatus:
        """The stack as it is shown."""
        return self._status

    def compose(self) -> ComposeResult:
        """Textual asks for the widgets."""
        yield self._heading
        yield self._table
        with Vertical(id="log-area"):
            yield self._pane
            yield self._field
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to watch."""
        self._field.display = False
        self._table.fill(self._status.roles)
        self._table.focus()
        self._take_figures()
        self._show_log(self._status.roles[0].name if self._status.roles else "")
        asyncio.get_running_loop().add_reader(self._control.fileno(), self._on_news)
        self.set_interval(_LOG_INTERVAL_S, self._read_log)
        self.set_interval(_CLOCK_INTERVAL_S, self._refresh_roles)
        self.set_interval(_FIGURES_INTERVAL_S, self._take_figures)

    def on_resize(self, event: Resize) -> None:
        """Columns come and go with the width."""
        self.call_after_refresh(self._refresh_roles)

    # -- what happens in the stack

    def _on_news(self) -> None:
        try:
            events = self._control.read_events()
        except ControlError as error:
            self._end_watch(str(error))
            return
        for event in events:
            self._take_event(event)
        if self._control.is_closed:
            self._end_watch(self._ending or "the launcher has ended")
        self._refresh_roles()

    def _take_event(self, event: Event) -> None:
        self._status = self._status.after(event)
        if event.kind == "exit" and event.role is not None and self._status.state != "stopping":
            self.notify(f"{event.role.name} ended: {event.text}", severity="warning")
        elif event.kind in ("stop", "ending"):
            self._ending = event.text

    def _end_watch(self, sentence: str) -> None:
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._ending = sentence
        if self._is_asked_to_stop:
            self.exit()
            return
        self._heading.add_class("ended")
        self._refresh_roles()

    def _refresh_roles(self) -> None:
        if not self._table.is_mounted:
            return
        now = time.time()
        status = with_figures(self._status, self._figures)
        self._table.show(status, now)
        words = f"{self._status.stack} has ended: {self._ending} · q quits" if self._has_ended else title(status, now)
        self._heading.update(Text(f" {words}", no_wrap=True, overflow="ellipsis"))

    @property
    def _has_ended(self) -> bool:
        return self._control.is_closed

    def _take_figures(self) -> None:
        if not self._has_ended:
            self._figures = self._sampler.read({role.name: role.pid for role in self._status.roles if role.pid})
            self._refresh_roles()

    # -- the log

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Another role was chosen, by key or by mouse."""
        self._show_log(event.row_key.value or "")

    def _show_log(self, name: str) -> None:
        role = self._status.role(name)
        if role is None or name == self._shown_role:
            return
        self._shown_role = name
        self._tail = LogTail(Path(role.log_path)) if role.log_path else None
        self._pane.clear()
        self._read_log()
        if self._tail is None:
            self._pane.append([f"{name} is run by somebody else (launch: {role.launch}): its log is there"])

    def _read_log(self) -> None:
        if self._tail is not None:
            self._pane.append(self._tail.read())
        how = "following" if self._pane.is_following else "paused, f follows"
        facts = [self._shown_role, how, f"/{self._pane.pattern} {self._pane.match_words}" if self._pane.pattern else ""]
        self._pane.border_title = " · ".join(filter(None, facts))

    # -- what can be done

    def action_search(self) -> None:
        """Ask what to look for."""
        self._field.display = True
        self._field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Look for it; the same again: the place before."""
        if event.value and event.value == self._pane.pattern:
            self._pane.next_match(-1)
        else:
            self._pane.search(event.value)
        self._pane.focus()
        self._read_log()

    def action_match(self, step: int) -> None:
        """Go to another place where the text is."""
        self._pane.next_match(step)
        self._read_log()

    def action_calm(self) -> None:
        """Leave the search, or the large log."""
        if self._field.display:
            self._field.display = False
            self._pane.search("")
            self.action_follow()
        self._table.display = True
        self._table.focus()

    def action_follow(self) -> None:
        """Keep the newest line in sight."""
        self._pane.is_following = True
        self._read_log()

    def action_enlarge(self) -> None:
        """Give the log the whole screen, or take it back."""
        self._table.display = not self._table.display
        (self._table if self._table.display else self._pane).focus()

    def action_restart(self) -> None:
        """Restart the chosen role."""
        if self._shown_role and not self._has_ended:
            self.run_worker(self._restart(self._shown_role), group="restart", exclusive=False)

    async def _restart(self, name: str) -> None:
        def ask() -> None:
            with Control(Path(self._status.runtime)) as control:  # of its own: the answer comes when the role is ready
                control.restart(name)

        try:
            await asyncio.to_thread(ask)
        except ControlError as error:
            self.notify(str(error), title=f"{name} was not restarted", severity="error")
        else:
            self.notify(f"{name} is ready again")

    def action_open(self) -> None:
        """Open the chosen role's page in the browser of this machine."""
        role = self._status.role(self._shown_role)
        if role is None or not role.url:
            self.notify(f"{self._shown_role} has no url in the stack file", severity="warning")
            return
        self.open_url(role.url)
        self.notify(role.url, title="Opening")

    def action_stop(self) -> None:
        """Stop the stack, once that is confirmed."""
        if not self._has_ended:
            question = f"Stop {self._status.stack} and its {len(self._status.roles)} roles?"
            self.push_screen(Question(question, "Stop"), self._stop_if)

    def action_leave(self) -> None:
        """Quit; a stack that was started for this view ends with it."""
        if self._has_ended or not self._owns_stack:
            self.exit()
        else:
            self.action_stop()

    def _stop_if(self, is_wanted: bool | None) -> None:
        if not is_wanted:
            return
        self._is_asked_to_stop = self._owns_stack
        try:
            self._control.down()
        except ControlError as error:
            self.notify(str(error), severity="error")
