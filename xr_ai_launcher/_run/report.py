"""What the launcher itself says: one line per event, on stderr, beside the lines of the roles."""

from collections.abc import Callable, Sequence

from xr_ai_launcher._dataclasses import dataclass
from xr_ai_launcher._run.screen import Screen

_SPEAKER = "xrstack"
_BOLD, _RED, _GREEN, _DIM, _RESET = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a run ends: the exit code of the launcher, and the sentence that says so."""

    exit_code: int
    sentence: str
    hint: str = ""
    tail: tuple[str, ...] = ()
    """The last lines of the role at fault."""
    log_path: str = ""
    is_failure: bool = True


class Report:
    """Writes the launcher's own lines."""

    def __init__(
        self,
        screen: Screen,
        width: int,
        *,
        colored: bool,
        clean: Callable[[str], str] = lambda text: text,
        has_table: bool = False,
    ) -> None:
        """``clean`` takes secrets out of a text; with a table, what changes from moment to moment is in sight anyway.

        That holds from the beginning: what is said before the table is there is what it shows first.
        """
        self._clean = clean
        self._screen = screen
        self._margin = f"{_SPEAKER.ljust(width)} │ "
        self.is_colored = colored
        self._has_table = has_table

    def note(self, text: str) -> None:
        """Say something ordinary."""
        self._write(text, _DIM)

    def progress(self, text: str) -> None:
        """Say how far something is, unless a table shows it already."""
        if not self._has_table:
            self.note(text)

    def good(self, text: str) -> None:
        """Say that something is done."""
        self._write(text, _GREEN)

    def bad(self, text: str) -> None:
        """Say that something went wrong."""
        self._write(text, _RED)

    def flush(self) -> None:
        """Let what was said until now, by the roles too, reach its reader."""
        self._screen.flush()

    def ending(self, ending: Ending, *, something_stays: bool = False) -> None:
        """Say why the run ended, so that nobody has to scroll back."""
        if not ending.is_failure:
            self.note(f"{ending.sentence}; nothing {'else ' if something_stays else ''}of the stack is left")
            return
        self.bad(ending.sentence)
        if ending.tail:
            self._write("its last lines:", "")
            self._lines([f"    {line}" for line in ending.tail])
        elif ending.log_path:
            self._write("it printed nothing", "")
        if ending.hint:
            self._write(ending.hint, _BOLD)
        if ending.log_path:
            self._write(f"its whole log: {ending.log_path}", "")

    def _lines(self, lines: Sequence[str]) -> None:
        self._screen.write_note(
            "".join(f"{self._margin}{self._clean(line)}\n" for line in lines).encode(errors="replace")
        )

    def _write(self, text: str, style: str) -> None:
        styled = f"{style}{text}{_RESET}" if self.is_colored and style else text
        self._lines([styled])
