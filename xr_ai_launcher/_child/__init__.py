"""A launcher as the child of another program: how it is started, what it says, and that it ends with its parent."""

from xr_ai_launcher._child.command import up_command
from xr_ai_launcher._child.notices import Notices

__all__ = ("Notices", "up_command")
