"""The table of a stack's roles as rows of text, as wide as wanted: what matters least gives way first."""

from __future__ import annotations

from collections import Counter

from xr_ai_launcher._dataclasses import dataclass
from xr_ai_launcher._run.words import exit_words
from xr_ai_launcher._view.terminal import fit, text_width
from xr_ai_launcher._view.words import BOLD, DIM, age, glyph_of, memory, percent, state_word, styled

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xr_ai_launcher._control.model import RoleStatus, StackStatus

    Cell = Callable[[RoleStatus, float], str]

__all__ = ("heads_and_rows", "table_rows", "title")

_GAP = "  "
_LEAST_STORY_COLUMNS = 14
_LEAST_ROLE_ROWS = 2
# Their seconds count; a state that lasts is told in minutes, so that the table keeps still.
_PASSING_STATES = ("starting", "paused", "stopping")


@dataclass(frozen=True)
class _Column:
    """One column. ``columns`` is its width; 0: as wide as its widest cell, and absent when all are empty."""

    title: str
    cell: Cell
    columns: int = 0
    most_columns: int = 0
    align_right: bool = False
    is_rare: bool = False
    """Absent when all cells are empty, although its width is fixed."""
    style: str = ""


def _since(role: RoleStatus, now: float) -> str:
    if role.since is None or role.state == "waiting":
        return ""
    return age(now - role.since, is_exact=role.state in _PASSING_STATES)


def _ports(role: RoleStatus) -> str:
    return " ".join(f":{port}" for port in (role.ports or {}).values())


_NAME = _Column("ROLE", lambda role, _: role.name, most_columns=24)
_SHORT_NAME = _Column("ROLE", lambda role, _: role.name, most_columns=12)
_STATE = _Column("STATE", lambda role, _: state_word(role), columns=8)
_SINCE = _Column("SINCE", _since, columns=6, align_right=True, style=DIM)
_ADDRESS = _Column("ADDRESS", lambda role, _: _address(role), most_columns=34)
_PORTS = _Column("PORTS", lambda role, _: _ports(role), most_columns=17)
_CPU = _Column("CPU", lambda role, _: percent(role.cpu_percent), columns=5, align_right=True)
_MEMORY = _Column("MEMORY", lambda role, _: memory(role.memory_bytes), columns=8, align_right=True)
_GPU = _Column("GPU MEM", lambda role, _: memory(role.gpu_memory_bytes), columns=8, align_right=True, is_rare=True)
_RESTARTS = _Column("RESTARTS", lambda role, _: str(role.restarts or ""), columns=8, align_right=True, is_rare=True)

# From rich to poor: the first that leaves room for what the roles say.
_CHOICES = (
    (_NAME, _STATE, _SINCE, _ADDRESS, _CPU, _MEMORY, _GPU, _RESTARTS),
    (_NAME, _STATE, _SINCE, _PORTS, _CPU, _MEMORY, _GPU, _RESTARTS),
    (_NAME, _STATE, _SINCE, _PORTS, _CPU, _MEMORY, _GPU),
    (_NAME, _STATE, _SINCE, _PORTS, _MEMORY, _GPU),
    (_NAME, _STATE, _SINCE, _MEMORY, _GPU),
    (_NAME, _STATE, _SINCE),
    (_NAME, _STATE),
    (_SHORT_NAME, _STATE),
)


def table_rows(status: StackStatus, *, now: float, columns: int, most_rows: int, colored: bool) -> list[str]:
    """Return the rows of the table, each exactly ``columns`` wide: a title, the columns' names, a row for each role.

    ``now`` is a time of the Unix clock. When there are more roles than rows, those that are not as they should be are
    shown, and the others are counted. Fewer rows than two roles need: none at all.
    """
    room = most_rows - 1
    if not status.roles or room < min(_LEAST_ROLE_ROWS, len(status.roles)):
        return []
    rows = [_title_row(status, now, columns, colored)]
    has_heads = room > len(status.roles) or room >= 6
    shown, hidden = _most_important(status.roles, room - has_heads)
    heads, role_rows = heads_and_rows(shown, now=now, columns=columns, colored=colored, all_roles=status.roles)
    if has_heads:
        rows.append(styled(heads, DIM, colored=colored))
    rows += role_rows
    if hidden:
        rows.append(styled(fit(f" … {_counts(hidden)} more", columns), DIM, colored=colored))
    return rows


def heads_and_rows(
    roles: Sequence[RoleStatus],
    *,
    now: float,
    columns: int,
    colored: bool,
    all_roles: Sequence[RoleStatus] | None = None,
) -> tuple[str, list[str]]:
    """Return the columns' names and a row for each role; ``all_roles`` decide about the columns' widths."""
    layout = _layout(all_roles or roles, now, columns)
    return _heads(layout, columns), [_role_row(role, layout, now, columns, colored) for role in roles]


def title(status: StackStatus, now: float) -> str:
    """Return how the stack as a whole is: ``echo · 2 of 3 ready · 12 s``."""
    ready = sum(role.state == "ready" for role in status.roles)
    how = f"{ready} of {len(status.roles)} ready"
    if status.state == "stopping":
        left = sum(role.pid is not None for role in status.roles)
        how = f"stopping, {left} still there" if left else "stopped"
    since = age(now - status.started, is_exact=status.state != "up")
    facts = [status.stack, how, since, f"profile {status.profile}" if status.profile else ""]
    return " · ".join(filter(None, facts))


def _address(role: RoleStatus) -> str:
    """Return where the role is reached: its URL, or its ports."""
    return role.url or _ports(role)


def _story(role: RoleStatus) -> str:
    """Return the one thing to know beside the state: what the role says, why it is not ready, how it ended."""
    match role.state:
        case "starting":
            return role.status_text or role.reason
        case "paused" | "ended":
            return exit_words(role.exit) if role.exit is not None else role.reason
        case _:
            return role.status_text


def _title_row(status: StackStatus, now: float, columns: int, colored: bool) -> str:
    text = f" {title(status, now)} "
    hint = "" if status.state == "stopping" else " Ctrl-C stops "
    room = columns - 4 - text_width(text)
    if room < len(hint):
        hint = ""
    if room < 0:
        text, room = fit(text, columns - 4), 0
    rule = "─" * (room - len(hint))
    return "".join(
        (
            styled("──", DIM, colored=colored),
            styled(text, BOLD, colored=colored),
            styled(f"{rule}{hint}──", DIM, colored=colored),
        )
    )


def _most_important(roles: Sequence[RoleStatus], room: int) -> tuple[list[RoleStatus], list[RoleStatus]]:
    """Return who is shown, in the stack's order, and who is not."""
    if len(roles) <= room:
        return list(roles), []
    by_need = sorted(range(len(roles)), key=lambda index: (_calmness(roles[index]), index))
    chosen = set(by_need[: max(0, room - 1)])
    shown = [role for index, role in enumerate(roles) if index in chosen]
    return shown, [role for index, role in enumerate(roles) if index not in chosen]


def _calmness(role: RoleStatus) -> int:
    if state_word(role) in ("failed", "paused"):
        return 0
    return {"starting": 1, "stopping": 1, "waiting": 2, "ready": 3}.get(role.state, 4)


def _counts(roles: Sequence[RoleStatus]) -> str:
    return ", ".join(f"{number} {state}" for state, number in Counter(map(state_word, roles)).most_common())


def _layout(roles: Sequence[RoleStatus], now: float, columns: int) -> list[tuple[_Column, int]]:
    """Return the columns with their widths: the richest choice that leaves room for the story."""
    for choice in _CHOICES:
        layout = [(column, width) for column in choice if (width := _width(column, roles, now))]
        if columns - _taken(layout) >= _LEAST_STORY_COLUMNS:
            break
    return layout


def _taken(layout: Sequence[tuple[_Column, int]]) -> int:
    return 3 + sum(width + len(_GAP) for _, width in layout)


def _width(column: _Column, roles: Sequence[RoleStatus], now: float) -> int:
    """A width that does not change with the figures, or the whole table would wobble."""
    if column.columns:
        return column.columns if not column.is_rare or any(column.cell(role, now) for role in roles) else 0
    widest = max(text_width(column.cell(role, now)) for role in roles)
    return min(max(widest, len(column.title)), column.most_columns) if widest else 0


def _heads(layout: Sequence[tuple[_Column, int]], columns: int) -> str:
    cells = [fit(column.title, width, align_right=column.align_right) for column, width in layout]
    return fit(f"   {_GAP.join(cells)}{_GAP}STATUS", columns)


def _role_row(role: RoleStatus, layout: Sequence[tuple[_Column, int]], now: float, columns: int, colored: bool) -> str:
    glyph, color = glyph_of(role)
    pieces = [f" {styled(glyph, color, colored=colored)} "]
    for column, width in layout:
        text = fit(column.cell(role, now), width, align_right=column.align_right)
        style = color if column.title == "STATE" else column.style
        pieces.append(styled(text, style, colored=colored) + _GAP)
    pieces.append(fit(_story(role), max(0, columns - _taken(layout))))
    return "".join(pieces)
