"""What a terminal tells the run: its size has changed, Ctrl-Z, `fg`.

After Ctrl-Z the roles run on, the terminal is the shell's; `fg` shows what was said meanwhile, and the table again. The
user's process gets SIGTSTP and hands it to the supervisor, which leaves the terminal in order first and then stops that
process. Lines of roles wait (see `Screen.hold`); the log files have them at once.
"""

from __future__ import annotations

import contextlib
import os
import signal

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from xr_ai_launcher._run.screen import Screen
    from xr_ai_launcher._run.views import View


TERMINAL_SIGNALS = (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)


class TerminalSignals:
    """Keeps what is shown in step with the terminal, and knows whether the user's process is stopped."""

    def __init__(self, screen: Screen, launcher_pid: int) -> None:
        self._screen = screen
        self._launcher_pid = launcher_pid
        self._is_suspended = False
        self.views: list[View] = []
        """Who looks at the run from within."""

    def take(self, signum: int) -> bool:
        """Do what a signal asks for; False: it is none of the terminal's."""
        match signum:
            case signal.SIGWINCH:
                for view in self.views:
                    view.resized()
            case signal.SIGTSTP:
                self._suspend()
            case signal.SIGCONT:
                self._go_on()
        return signum in TERMINAL_SIGNALS

    def close(self) -> None:
        """Leave the terminal for good. A stopped process of the user's is to end, not to wait for `fg`."""
        if self._is_suspended:
            self._tell_launcher(signal.SIGTERM)
        self._go_on()
        for view in self.views:
            view.close()

    def _suspend(self) -> None:
        if not self._is_suspended:
            self._is_suspended = True
            for view in self.views:
                view.hold()
            self._screen.hold(lambda: self._tell_launcher(signal.SIGSTOP))

    def _go_on(self) -> None:
        if self._is_suspended:
            self._is_suspended = False
            self._tell_launcher(signal.SIGCONT)
            self._screen.release()
            for view in self.views:
                view.resume()

    def _tell_launcher(self, signum: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self._launcher_pid, signum)
