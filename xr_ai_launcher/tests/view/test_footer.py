"""The rows below scrolling lines, on a real terminal (a pty) whose screen pyte keeps."""

from typing import Protocol

import pyte
import pytest

from xr_ai_launcher._view.footer import Footer, most_rows, reset_sequence


class Bench(Protocol):
    """See conftest."""

    footer: Footer
    screen: pyte.Screen
    rows: list[str]
    scrolled_away: list[str]

    def resize(self, columns: int, lines: int) -> None: ...
    def paint(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...


def _row(text: str) -> str:
    return text.ljust(60)


def test_rows_stay_below_while_lines_scroll_and_no_line_is_lost(bench: Bench) -> None:
    bench.write(b"$ xrstack up\n")
    bench.footer.show([_row("one"), _row("two")])
    bench.paint()
    for number in range(50):
        bench.write(f"line {number}\n".encode())
    assert bench.rows[-2:] == ["one", "two"]
    visible = [row for row in bench.rows[:-2] if row]
    assert [*bench.scrolled_away, *visible] == ["$ xrstack up", *(f"line {number}" for number in range(50))]


def test_lines_go_on_where_they_were_after_a_row_changed(bench: Bench) -> None:
    bench.footer.show([_row("one"), _row("two")])
    bench.paint()
    bench.write(b"first\n")
    bench.footer.show([_row("one"), _row("TWO")])
    bench.paint()
    bench.write(b"second\n")
    assert bench.rows[:2] == ["first", "second"]
    assert bench.rows[-2:] == ["one", "TWO"]


def test_only_the_rows_that_changed_are_written(bench: Bench) -> None:
    bench.footer.show([_row("one"), _row("two"), _row("three")])
    bench.paint()
    assert bench.footer.show([_row("one"), _row("2"), _row("three")])
    data = bench.paint()
    assert b"2" in data
    assert b"one" not in data
    assert b"three" not in data


def test_nothing_is_written_when_nothing_changed(bench: Bench) -> None:
    rows = [_row("one"), _row("two")]
    assert bench.footer.show(rows)
    bench.paint()
    assert not bench.footer.show(list(rows))
    assert bench.paint() == b""


def test_hiding_gives_the_whole_terminal_back(bench: Bench) -> None:
    bench.footer.show([_row("one"), _row("two")])
    bench.paint()
    assert bench.screen.cursor.hidden
    bench.write(b"a line\n")
    bench.footer.hide()
    bench.paint()
    bench.write(b"the next\n")
    assert [row for row in bench.rows if row] == ["a line", "the next"]
    assert bench.screen.margins is None or bench.screen.margins.bottom == 11
    assert not bench.screen.cursor.hidden


@pytest.mark.parametrize(("columns", "lines"), [(60, 20), (60, 9), (80, 12), (45, 12), (90, 30)])
def test_a_new_size_draws_the_rows_at_the_new_bottom_once(bench: Bench, columns: int, lines: int) -> None:
    bench.footer.show([_row("one"), _row("two")])
    bench.paint()
    for number in range(20):
        bench.write(f"line {number}\n".encode())
    bench.resize(columns, lines)
    bench.footer.show(["one".ljust(columns), "two".ljust(columns)])
    bench.paint()
    bench.write(b"after\n")
    assert bench.rows[-2:] == ["one", "two"]
    assert bench.rows.count("one") == bench.rows.count("two") == 1
    assert [row for row in bench.rows[:-2] if row][-2:] == ["line 19", "after"]


def test_a_row_that_is_too_wide_cannot_wrap(bench: Bench) -> None:
    bench.footer.show(["x" * 90, "y" * 90])
    bench.paint()
    assert {row[0] for row in bench.rows[-2:]} == {"x", "y"}
    assert bench.rows[-3] == ""


@pytest.mark.parametrize(("columns", "lines"), [(30, 24), (80, 6)])
def test_a_terminal_that_is_too_small_keeps_its_lines(bench: Bench, columns: int, lines: int) -> None:
    bench.resize(columns, lines)
    bench.footer.show([_row("one"), _row("two")])
    assert bench.paint() == b""
    bench.resize(60, 12)
    bench.paint()
    assert bench.rows[-2:] == ["one", "two"]


def test_another_program_can_undo_what_a_killed_one_left(bench: Bench) -> None:
    bench.footer.show([_row("one"), _row("two")])
    bench.paint()
    bench.write(b"a line\n")
    bench.write(reset_sequence())
    bench.write(b"$ \n")
    assert [row for row in bench.rows if row] == ["a line", "$"]
    assert not bench.screen.cursor.hidden


@pytest.mark.parametrize(("lines", "rows"), [(0, 0), (6, 0), (10, 4), (24, 12), (40, 20)])
def test_lines_keep_half_of_the_terminal(lines: int, rows: int) -> None:
    assert most_rows(lines) == rows
