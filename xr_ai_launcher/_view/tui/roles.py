"""The table of roles: the rows of the live table, one of which can be chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import DataTable

from xr_ai_launcher._view.table import heads_and_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xr_ai_launcher._control.model import RoleStatus, StackStatus

__all__ = ("RolesTable",)

_COLUMN = "row"
_SCROLLBAR_COLUMNS = 1
_LEAST_COLUMNS = 20


class RolesTable(DataTable[Text]):
    """One row per role; the row under the cursor is the chosen role."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row", cell_padding=0, cursor_foreground_priority="renderable")
        self._shown: dict[str, str] = {}
        self._columns = 0

    def fill(self, roles: Sequence[RoleStatus]) -> None:
        """Make the rows."""
        self.add_column("", key=_COLUMN)
        for role in roles:
            self.add_row(Text(), key=role.name)

    def show(self, status: StackStatus, now: float) -> None:
        """Bring the rows up to date; only what changed is drawn."""
        columns = max(_LEAST_COLUMNS, self.size.width - _SCROLLBAR_COLUMNS)
        heads, rows = heads_and_rows(status.roles, now=now, columns=columns, colored=True)
        column = next(iter(self.columns.values()))
        if columns != self._columns or column.label.plain != heads:
            self._columns = columns
            column.label, column.width, column.auto_width = Text(heads), columns, False
            self.clear_cached_dimensions()
            self.refresh(layout=True)
        for role, row in zip(status.roles, rows, strict=True):
            if self._shown.get(role.name) != row:
                self._shown[role.name] = row
                self.update_cell(role.name, _COLUMN, Text.from_ansi(row, no_wrap=True, end=""))
