"""Shows a log: follows its end, scrolls, searches. Only the lines that are seen are ever styled."""

from __future__ import annotations

import re

from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

__all__ = ("LogPane",)

_MOST_LINES = 50_000
_SPARE_LINES = 5_000
_MATCH = Style(color="black", bgcolor="yellow")
_CURRENT_MATCH = Style(color="black", bgcolor="bright_green", bold=True)
_CONTROLS = re.compile(r"\x1b\[[0-9;:?]*[a-ln-zA-Z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1a\x1c-\x1f]")


class LogPane(ScrollView, can_focus=True):
    """The lines of one log."""

    is_following = reactive(True)
    """Whether the newest line is kept in sight; scrolling up ends it, scrolling to the end begins it again."""
    pattern = reactive("")
    """What is searched for: plain text, any case."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[str] = []
        self._widest = 0
        self._matches: list[int] = []
        self._match_index = -1

    @property
    def lines(self) -> list[str]:
        """The lines that can be scrolled to."""
        return self._lines

    def clear(self) -> None:
        """Begin with another log."""
        self._lines, self._widest = [], 0
        self._find_matches()
        self._fit()
        self.is_following = True

    def append(self, lines: list[str]) -> None:
        """Add new lines."""
        if not lines:
            return
        first = len(self._lines)
        self._lines += [_CONTROLS.sub("", line).expandtabs() for line in lines]
        if len(self._lines) > _MOST_LINES + _SPARE_LINES:
            self._forget(len(self._lines) - _MOST_LINES)
            self._find_matches()
        elif self.pattern:
            self._matches += [index for index in range(first, len(self._lines)) if self._is_match(index)]
        self._widest = max(self._widest, *map(len, self._lines[-len(lines) :]))
        self._fit()

    def search(self, pattern: str) -> int:
        """Look for a text, show its last place, and return how often it is there."""
        self.pattern = pattern
        self._find_matches()
        self._match_index = len(self._matches) - 1
        self._show_match()
        return len(self._matches)

    def next_match(self, step: int) -> None:
        """Go to the next place (1) or the one before (-1), and round at the end."""
        if self._matches:
            self._match_index = (self._match_index + step) % len(self._matches)
            self._show_match()

    @property
    def match_words(self) -> str:
        """Where the search is: ``3 of 17``."""
        if not self.pattern:
            return ""
        return f"{self._match_index + 1} of {len(self._matches)}" if self._matches else "not found"

    def render_line(self, y: int) -> Strip:
        """Textual asks for one row of the screen."""
        x, top = self.scroll_offset
        index = top + y
        width = self.size.width
        if index >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        text = Text.from_ansi(self._lines[index], no_wrap=True, end="")
        if self.pattern:
            is_current = bool(self._matches) and self._matches[self._match_index] == index
            style = _CURRENT_MATCH if is_current else _MATCH
            for found in re.finditer(re.escape(self.pattern), text.plain, re.IGNORECASE):
                text.stylize(style, found.start(), found.end())
        strip = Strip(text.render(self.app.console)).crop(x, x + width)
        return strip.extend_cell_length(width).apply_style(self.rich_style)

    # Said before the scrolling begins: lines that come before its first step would lead back to the end.

    def action_scroll_home(self) -> None:
        """Go to the first line."""
        self.is_following = False
        super().action_scroll_home()

    def action_scroll_up(self) -> None:
        """Go up by a line."""
        self.is_following = False
        super().action_scroll_up()

    def action_page_up(self) -> None:
        """Go up by a page."""
        self.is_following = False
        super().action_page_up()

    def on_mouse_scroll_up(self) -> None:
        """Go up with the wheel."""
        self.is_following = False

    def watch_is_following(self) -> None:
        """Go to the end at once."""
        if self.is_following:
            self._go_to_end()

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Whoever scrolls up wants to read; whoever comes back to the end wants to follow."""
        super().watch_scroll_y(old, new)
        if new < old and new < self.max_scroll_y:
            self.is_following = False
        elif new >= self.max_scroll_y:
            self.is_following = True

    def _fit(self) -> None:
        self.virtual_size = Size(self._widest, len(self._lines))
        if self.is_following:
            self._go_to_end()
        self.refresh()

    def _go_to_end(self) -> None:
        # At once: a jump that waits for the next picture would undo what the user scrolls meanwhile.
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)

    def _forget(self, count: int) -> None:
        del self._lines[:count]
        if not self.is_following:
            self.scroll_to(y=max(0, self.scroll_y - count), animate=False)

    def _find_matches(self) -> None:
        self._matches = [index for index in range(len(self._lines)) if self._is_match(index)] if self.pattern else []
        self._match_index = min(self._match_index, len(self._matches) - 1)
        self.refresh()

    def _is_match(self, index: int) -> bool:
        return self.pattern.lower() in self._lines[index].lower()

    def _show_match(self) -> None:
        if self._matches:
            self.is_following = False
            self.scroll_to(y=max(0, self._matches[self._match_index] - self.size.height // 2), animate=False)
        self.refresh()
