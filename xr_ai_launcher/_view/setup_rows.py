"""One row with a bar for each setup step, below what the steps print."""

from __future__ import annotations

import threading
from time import monotonic

from xr_ai_launcher._dataclasses import dataclass
from xr_ai_launcher._view.footer import Footer, most_rows
from xr_ai_launcher._view.terminal import fit, size_of, text_width
from xr_ai_launcher._view.words import BLUE, BOLD, DIM, GREEN, YELLOW, age, memory, styled

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xr_ai_launcher._run.screen import Screen

__all__ = ("SetupRows", "setup_rows")

_REDRAW_INTERVAL_S = 0.2
_MOST_NAME_COLUMNS = 24
_BAR_COLUMNS = 24
_BAR, _REST = "━", "─"
_RUNNER_COLUMNS = 5
_RUNNER_STEPS_PER_S = 8
# The first moments of a download say nothing about the rest of it.
_LEAST_TIME_FOR_A_RATE_S = 1.0


@dataclass
class _Step:
    """What is known of one step. Times are of the monotonic clock; 0: not yet."""

    needs: Sequence[str] = ()
    began_s: float = 0.0
    ended_s: float = 0.0
    done_bytes: int = 0
    total_bytes: int | None = None
    download_began_s: float = 0.0
    words: str = ""


class SetupRows:
    """Shows steps on a terminal while they are taken; called from many threads (see `ProgressView`)."""

    def __init__(self, screen: Screen, terminal: int, steps: Mapping[str, Sequence[str]], *, colored: bool) -> None:
        """``steps`` has the steps that each step waits for."""
        self._screen = screen
        self._terminal = terminal
        self._colored = colored
        self._steps = {name: _Step(needs) for name, needs in steps.items()}
        self._began_s = monotonic()
        self._footer = Footer(terminal)
        self._closed = threading.Event()
        screen.attach_painter(self._footer.paint, terminal)
        self._thread = threading.Thread(target=self._work, name="setup-rows", daemon=True)
        self._thread.start()

    def say(self, step: str, text: str) -> None:
        """Show what a step says, above the rows and in its row."""
        self._steps[step].words = text.partition("\n")[0]
        self._screen.write_note("".join(f"setup {step}: {line}\n" for line in text.splitlines()).encode())

    def update(self, step: str, done: int, total: int | None) -> None:
        """Show how many bytes are here."""
        known = self._steps[step]
        if not known.download_began_s or done < known.done_bytes:
            known.download_began_s = monotonic()
        known.done_bytes, known.total_bytes = done, total

    def began(self, step: str) -> None:
        """The step is being taken."""
        self._steps[step].began_s = monotonic()

    def ended(self, step: str) -> None:
        """The step has been taken."""
        self._steps[step].ended_s = monotonic()

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._closed.set()
        self._thread.join()
        self._footer.hide()
        self._screen.repaint()

    def _work(self) -> None:
        while not self._closed.is_set():
            columns, lines = size_of(self._terminal)
            now = monotonic()
            rows = setup_rows(self._steps, now, now - self._began_s, columns, most_rows(lines), colored=self._colored)
            if self._footer.show(rows):
                self._screen.repaint()
            self._closed.wait(_REDRAW_INTERVAL_S)


def setup_rows(
    steps: Mapping[str, _Step], now: float, passed_s: float, columns: int, most: int, *, colored: bool
) -> list[str]:
    """Return a title and a row for each step, each exactly ``columns`` wide; steps that are done give way first."""
    if most < 2:
        return []
    done = sum(bool(step.ended_s) for step in steps.values())
    text = fit(f" setup · {done} of {len(steps)} done · {age(passed_s)} ", columns - 4).rstrip() + " "
    rule = "─" * (columns - 2 - text_width(text))
    rows = [
        styled("──", DIM, colored=colored) + styled(text, BOLD, colored=colored) + styled(rule, DIM, colored=colored)
    ]
    width = min(_MOST_NAME_COLUMNS, max(map(text_width, steps)))
    shown = sorted(steps, key=lambda name: bool(steps[name].ended_s))[: most - 1] if len(steps) >= most else list(steps)
    return rows + [_row(name, steps, now, width, columns, colored) for name in shown]


def _row(name: str, steps: Mapping[str, _Step], now: float, width: int, columns: int, colored: bool) -> str:
    step = steps[name]
    if step.ended_s:
        sign, style, bar, words = "●", GREEN, _bar(1.0), f"{age(step.ended_s - step.began_s):>6}  {step.words}"
    elif not step.began_s:
        missing = [need for need in step.needs if need in steps and not steps[need].ended_s]
        sign, style, bar, words = "○", DIM, (0, 0), f"{'':>6}  waits for {', '.join(missing)}"
    else:
        sign, style, words = "◐", YELLOW, f"{age(now - step.began_s):>6}  {_how_far(step, now) or step.words}"
        bar = _bar(step.done_bytes / step.total_bytes) if step.total_bytes else _runner(now - step.began_s)
    used = 3 + width + 2 + _BAR_COLUMNS + 2
    drawn = _drawn(bar, GREEN if step.ended_s else BLUE, colored)
    rest = fit(words, max(0, columns - used))
    return f" {styled(sign, style, colored=colored)} {fit(name, width)}  {drawn}  {rest}"


def _how_far(step: _Step, now: float) -> str:
    """Return ``48 %  12 MiB of 25 MiB, 3 MiB/s, 6 s left`` as far as it is known."""
    if not step.done_bytes:
        return ""
    passed_s = now - step.download_began_s
    rate = step.done_bytes / passed_s if passed_s > _LEAST_TIME_FOR_A_RATE_S else 0.0
    speed = f", {memory(int(rate))}/s" if rate >= 1 else ""
    if not step.total_bytes:
        return f"{memory(step.done_bytes)}{speed}"
    left = f", {age((step.total_bytes - step.done_bytes) / rate)} left" if rate >= 1 else ""
    share = min(100, 100 * step.done_bytes // step.total_bytes)
    return f"{share} %  {memory(step.done_bytes)} of {memory(step.total_bytes)}{speed}{left}"


def _bar(share: float) -> tuple[int, int]:
    """Return where the bar begins and ends."""
    return 0, round(_BAR_COLUMNS * min(1.0, share))


def _runner(passed_s: float) -> tuple[int, int]:
    """A piece that goes to and fro: it works, and nobody knows how far it is."""
    way = _BAR_COLUMNS - _RUNNER_COLUMNS
    place = int(passed_s * _RUNNER_STEPS_PER_S) % (2 * way)
    begin = way - abs(way - place)
    return begin, begin + _RUNNER_COLUMNS


def _drawn(bar: tuple[int, int], style: str, colored: bool) -> str:
    begin, end = bar
    pieces = ((_REST * begin, DIM), (_BAR * (end - begin), style), (_REST * (_BAR_COLUMNS - end), DIM))
    return "".join(styled(text, its_style, colored=colored) for text, its_style in pieces if text)
