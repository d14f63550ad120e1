"""What a caller may change about a stack without editing it."""

from __future__ import annotations

from collections.abc import Sequence

from xr_ai_launcher._dataclasses import dataclass

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from pathlib import Path

__all__ = ("StackOptions",)


@dataclass(frozen=True, slots=True)
class StackOptions:
    """Choices of one call: they win over the stack file and its profile."""

    profile: str | None = None
    overlays: Sequence[Path] = ()
    assignments: Sequence[str] = ()
    """``a.b=value``, laid over everything else."""
    only: Sequence[str] = ()
    without: Sequence[str] = ()
