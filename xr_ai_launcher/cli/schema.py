"""``xrstack schema``: the JSON schema of stack files."""

from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

__all__ = ("schema",)


@verb
def schema() -> int:
    """Write the JSON schema of stack files, for editors and checkers. It knows the setup kinds installed here."""
    from xr_ai_launcher._stack.kinds import KindError, installed_kind_names, load_kind
    from xr_ai_launcher._stack.schema import schema_text

    kinds = {}
    for name in installed_kind_names():
        try:
            kinds[name] = load_kind(name).kind
        except KindError as error:
            _output.note(f"left out: {error}")
    _output.data(schema_text(kinds).rstrip("\n"))
    return ExitCode.OK
