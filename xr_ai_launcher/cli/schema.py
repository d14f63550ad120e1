"""``xrstack schema``: the JSON schema of stack files."""

from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

__all__ = ("schema",)


@verb
def schema() -> int:
    """Write the JSON schema of stack files, for editors and checkers."""
    from xr_ai_launcher._stack.schema import schema_text

    _output.data(schema_text().rstrip("\n"))
    return ExitCode.OK
