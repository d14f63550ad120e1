"""Makes every outcome of a command an exit code, and every error words a person can use."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from xr_ai_launcher.cli import _output
from xr_ai_launcher.cli.exit_codes import ExitCode

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from pathlib import Path

__all__ = ("exit_code",)


def exit_code(call: Callable[[], int]) -> int:
    """Call and return its exit code, or that of how it ended."""
    try:
        return call()
    except KeyboardInterrupt:
        _output.note("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output had enough; Python must not complain again while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as error:
        return _exit_code_of(error)


def _exit_code_of(error: Exception) -> int:
    from xr_ai_launcher._errors import LauncherError

    if isinstance(error, LauncherError):
        _output.note(str(error))
        return error.exit_code
    _output.error(f"{type(error).__name__}: {error}")
    _output.note(f"This is a bug of xrstack. A report for it is in {_write_report(error)}")
    return ExitCode.BUG


def _write_report(error: Exception) -> str:
    """Write a bug report in Markdown and return its path."""
    import platform
    import time
    import traceback

    text = "\n".join(
        [
            "# xrstack bug report",
            f"- command: `{' '.join(sys.argv)}`",
            f"- Python {platform.python_version()} on {platform.platform()}",
            f"- time: {time.strftime('%Y-%m-%dT%H:%M:%S%z')}",
            "",
            "```text",
            "".join(traceback.format_exception(error)).rstrip(),
            "```",
            "",
        ]
    )
    for folder in _report_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.md"
            path.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return str(path)
    _output.note(text)
    return os.devnull


def _report_folders() -> list[Path]:
    import tempfile
    from pathlib import Path

    import platformdirs

    return [platformdirs.user_state_path("xrstack"), Path(tempfile.gettempdir())]
