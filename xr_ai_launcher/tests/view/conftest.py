"""A footer on a terminal (a pty) whose screen pyte keeps."""

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator

import pyte
import pytest
from kit.terminal import known_to_pyte, resize

from xr_ai_launcher._view.footer import Footer


class Bench:
    """A footer, its terminal, and the screen it makes."""

    def __init__(self, columns: int, lines: int) -> None:
        self._ours, self._theirs = pty.openpty()
        self.screen = pyte.HistoryScreen(columns, lines, history=1000)
        self._stream = pyte.ByteStream(self.screen)
        self.resize(columns, lines)
        self.footer = Footer(self._theirs)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
        resize(self.screen, columns, lines)

    def paint(self) -> bytes:
        data = self.footer.paint()
        self.write(data)
        return data

    def write(self, data: bytes) -> None:
        self._stream.feed(known_to_pyte(data.replace(b"\n", b"\r\n")))

    @property
    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display]

    @property
    def scrolled_away(self) -> list[str]:
        columns = range(self.screen.columns)
        return ["".join(row[column].data for column in columns).rstrip() for row in self.screen.history.top]

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A footer on a terminal of 60 columns and 12 lines."""
    made = Bench(columns=60, lines=12)
    yield made
    made.close()
