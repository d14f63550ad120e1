"""Where a value was written: the file's text and a place in it."""

from dataclasses import dataclass, field
from pathlib import Path

_MAX_LINE_CHARS = 160  # a longer source line would wrap in a terminal and move the caret away from its word


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One text that was read: ``name`` as the user knows it, ``path`` if it is a file, and its lines."""

    name: str
    path: Path | None
    lines: tuple[str, ...] = field(repr=False)

    @property
    def folder(self) -> Path:
        """Folder that relative paths in this text start from."""
        return self.path.parent if self.path is not None else Path.cwd()


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a source: ``line`` and ``column`` count from 1, the caret underlines ``length`` characters."""

    source: Source
    line: int
    column: int
    length: int = 1

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    @property
    def source_line(self) -> str:
        """The line it is in, or "" when there is no such line."""
        return self.source.lines[self.line - 1] if 1 <= self.line <= len(self.source.lines) else ""

    def snippet(self) -> str:
        """Return the source line with a caret under the place, or "" when there is no such line."""
        if not 1 <= self.line <= len(self.source.lines):
            return ""
        text = self.source_line.replace("\t", " ").rstrip()
        start = self.column - 1
        if start > len(text) or start >= _MAX_LINE_CHARS:
            return ""
        caret = "^" * max(1, min(self.length, len(text) - start, _MAX_LINE_CHARS - start))
        gutter = f"{self.line:>5} | "
        return f"{gutter}{text[:_MAX_LINE_CHARS]}\n{' ' * (len(gutter) - 2)}| {' ' * start}{caret}"
