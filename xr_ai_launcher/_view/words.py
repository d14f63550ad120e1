"""States, durations and sizes as people read them in a narrow column."""

from __future__ import annotations

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from xr_ai_launcher._control.model import RoleStatus

__all__ = (
    "BLUE",
    "BOLD",
    "DIM",
    "GREEN",
    "RED",
    "RESET",
    "YELLOW",
    "age",
    "glyph_of",
    "memory",
    "percent",
    "state_word",
    "styled",
)

BOLD, DIM, RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
RED, GREEN, YELLOW, BLUE = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m"

_SIGNS = {
    "waiting": ("○", DIM),
    "starting": ("◐", YELLOW),
    "ready": ("●", GREEN),
    "paused": ("↻", YELLOW),
    "stopping": ("◑", BLUE),
    "ended": ("○", DIM),
    "failed": ("✗", RED),
}
# How a program ends that has done its work or was asked to end: 0, and HUP, INT, QUIT, TERM as signal or as exit code.
_ORDINARY_EXITS = frozenset({None, 0, -1, -2, -3, -15, 129, 130, 131, 143})

_MIB = 1 << 20
_GIB = 1 << 30


def state_word(role: RoleStatus) -> str:
    """Return the role's state, and ``failed`` for one that ended as no program should."""
    return "failed" if role.state == "ended" and role.exit not in _ORDINARY_EXITS else role.state


def glyph_of(role: RoleStatus) -> tuple[str, str]:
    """Return the sign and the style (an escape sequence) of the role's state."""
    return _SIGNS.get(state_word(role), (" ", ""))


def styled(text: str, style: str, *, colored: bool) -> str:
    """Return the text in a style, where styles are wanted."""
    return f"{style}{text}{RESET}" if colored and style and not text.isspace() else text


def age(duration_s: float, *, is_exact: bool = True) -> str:
    """Return ``12 s``, ``5 min``, ``3 h 07`` or ``2 d``: the longer ago, the coarser, so that it seldom changes.

    What is not exact has no seconds either: ``<1 min``.
    """
    whole = max(0, int(duration_s))
    if whole < 60:
        return f"{whole} s" if is_exact else "<1 min"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02}"
    return f"{whole // 86400} d"


def memory(size_bytes: int | None) -> str:
    """Return ``18 MiB`` or ``1.2 GiB``; nothing for nothing."""
    if not size_bytes:
        return ""
    if size_bytes < 1000 * _MIB:
        return f"{max(1, round(size_bytes / _MIB))} MiB"
    return f"{size_bytes / _GIB:.1f} GiB" if size_bytes < 100 * _GIB else f"{size_bytes / _GIB:.0f} GiB"


def percent(share: float | None) -> str:
    """Return ``3 %``; a dash would be noise where nothing is known yet."""
    return "" if share is None else f"{share:.0f} %"
