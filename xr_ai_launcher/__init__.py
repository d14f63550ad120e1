"""Run many programs from one stack file: checked first, prepared, started together, stopped together.

    code = run_stack("stacks/echo.yaml", overrides=["roles.web.ports.http=8123"])

    async with Stack("stacks/echo.yaml") as stack:      # inside an asyncio program
        await stack.ready()
        print(stack.plan.roles[0].url)

Errors (all derive from `LauncherError`)::

    LauncherError
    ├── StackError                  a stack file cannot be used; ``problems`` has each with file, line and column
    ├── MissingPrerequisiteError    a program is not installed; ``problems`` says which and how to get it
    ├── StackEndedError             the stack ended before it was ready; ``exit_code`` is the launcher's
    ├── SetupError                  a setup step failed (in `_setup`)
    └── RunError                    there is no place for sockets or logs (in `_run`)

The command line is ``xrstack``. Tests of stacks: `xr_ai_launcher.testing`, a pytest plugin.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing costs 4 ms of a start
if TYPE_CHECKING:
    from typing import Any

    from xr_ai_launcher._api import load_stack, run_stack
    from xr_ai_launcher._embedded import Stack
    from xr_ai_launcher._errors import LauncherError, MissingPrerequisiteError, StackEndedError, StackError
    from xr_ai_launcher._stack.plan import RolePlan, SetupPlan, StackPlan

__all__ = (
    "LauncherError",
    "MissingPrerequisiteError",
    "RolePlan",
    "SetupPlan",
    "Stack",
    "StackEndedError",
    "StackError",
    "StackPlan",
    "load_stack",
    "run_stack",
)

# Loaded when first used: `xrstack --help` and a stored plan need none of what checks a stack.
_HOMES = {
    "load_stack": "xr_ai_launcher._api",
    "run_stack": "xr_ai_launcher._api",
    "LauncherError": "xr_ai_launcher._errors",
    "MissingPrerequisiteError": "xr_ai_launcher._errors",
    "Stack": "xr_ai_launcher._embedded",
    "StackEndedError": "xr_ai_launcher._errors",
    "StackError": "xr_ai_launcher._errors",
    "RolePlan": "xr_ai_launcher._stack.plan",
    "SetupPlan": "xr_ai_launcher._stack.plan",
    "StackPlan": "xr_ai_launcher._stack.plan",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
