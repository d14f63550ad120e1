"""What the full-screen view needs to be shown at all."""

from __future__ import annotations

import os
from importlib.util import find_spec

from xr_ai_launcher._errors import LauncherError
from xr_ai_launcher._view.terminal import can_draw

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("NoTuiError", "require_tui")


class NoTuiError(LauncherError):
    """The full-screen view cannot be shown here; the message says what would repair that."""


def require_tui(environment: Mapping[str, str]) -> None:
    """Make sure that there is a terminal, and the library that draws.

    Raises:
        NoTuiError: one is missing.
    """
    if find_spec("textual") is None:
        raise NoTuiError("the full-screen view needs Textual: pip install 'xr-ai-launcher[tui]'")
    # Textual draws to stderr and reads keys from stdin.
    if not (os.isatty(0) and can_draw(2, environment)):
        raise NoTuiError(
            "the full-screen view needs a terminal for keys and pictures: leave out --tui, or see xrstack ps"
        )
