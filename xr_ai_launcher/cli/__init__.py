"""``xrstack``, the launcher's command line; one module per verb.

``main`` is the console command. A product gets a one-word shortcut by giving it a stack: ``xr_render_demo -p spark``
is ``xrstack up stacks/xr_render_demo.yaml -p spark``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from pathlib import Path

__all__ = ("main",)

_COMPLETE_VARIABLE = "_XRSTACK_COMPLETE"  # set when a shell asks for completions, see `completion`
_QUICK_VERBS = frozenset({"up", "check"})
_VERBS_WITH_STACK = frozenset({"up", "check", "plan", "graph", "doctor", "ps", "down", "tui"})
_VERBS_WITH_ROLES = frozenset({"logs", "restart"})


def main(argv: Sequence[str] | None = None, *, stack: Path | None = None) -> int:
    """Run the command line and return its exit code.

    With ``stack`` the command line is that of one product: its verbs act on this stack, and `up` need not be said.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if stack is not None:
        words = _for_stack(words, stack)
    if words and words[0] in _QUICK_VERBS:
        from xr_ai_launcher.cli import _quick

        code = _quick.run(words)
        if code is not None:
            return code
    from xr_ai_launcher.cli._app import app

    if _COMPLETE_VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    try:
        app(words)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 0 if ending.code is None else 1
    return 0


def _for_stack(words: list[str], stack: Path) -> list[str]:
    if words and words[0] in _VERBS_WITH_STACK:
        return [words[0], str(stack), *words[1:]]
    if words and words[0] in _VERBS_WITH_ROLES:
        return [words[0], "--stack", str(stack), *words[1:]]
    return words if words and words[0] in {"--version", "schema"} else ["up", str(stack), *words]
