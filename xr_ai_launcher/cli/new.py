"""``xrstack new``: writes a stack file to start from."""

from pathlib import Path
from typing import Annotated

import typer

from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli._border import verb
from xr_ai_launcher.cli.exit_codes import ExitCode

__all__ = ("new",)

_TEMPLATE = Path(__file__).with_name("new_stack.yaml")
_PathArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")]


@verb
def new(path: _PathArgument = Path("stack.yaml")) -> int:
    """Write a commented stack of two programs to start from. Never overwrites a file."""
    if path.exists():
        _output.error(f"{path} exists and is left as it is; name another file: xrstack new FILE")
        return ExitCode.BAD_STACK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(_TEMPLATE.read_text(encoding="utf-8"))
    except OSError as error:
        _output.error(f"{path} cannot be written: {error.strerror}; name a file elsewhere: xrstack new FILE")
        return ExitCode.BAD_STACK
    argument = "" if path == Path("stack.yaml") else f" {path}"
    _output.success(f"wrote {path}")
    _output.note(f"start it with: xrstack up{argument}")
    return ExitCode.OK
