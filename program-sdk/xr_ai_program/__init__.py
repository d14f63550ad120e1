"""What every program of a stack does the same way: arguments, configuration, readiness, signals, logging.

A program is a pydantic model for its YAML and one coroutine::

    def main() -> int:
        return run_program("vec_mcp_server", VecConfig, serve, description="Vector maths as MCP tools.")

Errors (all derive from `ProgramError`):

    ProgramError
    └── StartupError      the program cannot start here; the message says what repairs it (exit 1)

Configuration errors are `xr_ai_config.ConfigError` (exit 2).
"""

from xr_ai_program._errors import ProgramError, StartupError
from xr_ai_program._logging import names_are_logged
from xr_ai_program._readiness import Readiness
from xr_ai_program._run import run_program

__all__ = ("ProgramError", "Readiness", "StartupError", "names_are_logged", "run_program")
