"""The command that starts a launcher as our child."""

import sys
from pathlib import Path

from xr_ai_launcher._stack.options import StackOptions

__all__ = ("up_command",)


def up_command(path: Path, options: StackOptions) -> list[str]:
    """Return the words of `xrstack up` for a stack and its options; it ends when this process does."""
    words = [sys.executable, "-m", "xr_ai_launcher._child", "up", str(path)]
    words += [f"--profile={options.profile}"] if options.profile is not None else []
    words += [f"--file={overlay}" for overlay in options.overlays]
    words += [f"--set={assignment}" for assignment in options.assignments]
    words += [f"--only={name}" for name in options.only]
    return words + [f"--without={name}" for name in options.without]
