"""The table as text: aligned at every width, and never silent about what is wrong."""

import re
import time

import pytest

from xr_ai_launcher._control.model import RoleStatus, StackStatus
from xr_ai_launcher._view.table import table_rows
from xr_ai_launcher._view.terminal import fit, text_width
from xr_ai_launcher._view.words import age, memory

NOW = time.time()
HUB = RoleStatus(
    "hub", "ready", 11, NOW - 400, ports={"web": 8080, "livekit": 7880}, url="https://localhost:8080/",
    cpu_percent=3.2, memory_bytes=90 << 20,
)  # fmt: skip
SPEECH = RoleStatus(
    "stt-server", "starting", 12, NOW - 12, ports={"http": 8102}, cpu_percent=1598.0, memory_bytes=1200 << 20,
    gpu_memory_bytes=12 << 30, status_text="loading weights 40 % — 読み込み中、しばらくお待ちください",
)  # fmt: skip
WORKER = RoleStatus("worker", "paused", None, NOW - 2, exit=7, restarts=3)
WAITING = RoleStatus("oxr-mcp-server", "waiting", ports={"http": 8205})
KILLED = RoleStatus("a-role-with-a-name-that-is-rather-long", "ended", None, NOW - 90, exit=-9)
ROLES = (HUB, SPEECH, WORKER, WAITING, KILLED)


def _stack(*roles: RoleStatus, **fields: object) -> StackStatus:
    return StackStatus("demo", "demo-1", "/demo.yaml", **{"started": NOW - 400, "roles": roles} | fields)  # type: ignore[arg-type]


def _rows(status: StackStatus, columns: int = 120, most_rows: int = 20, *, colored: bool = False) -> list[str]:
    return table_rows(status, now=NOW, columns=columns, most_rows=most_rows, colored=colored)


def _plain(row: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", row)


@pytest.mark.parametrize("columns", range(40, 200))
def test_every_row_is_exactly_as_wide_as_the_terminal(columns: int) -> None:
    rows = _rows(_stack(*ROLES), columns, colored=True)
    assert len(rows) == 2 + len(ROLES)
    assert {text_width(_plain(row)) for row in rows} == {columns}


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_name_state_and_a_part_of_the_story_are_shown_at_every_width(columns: int) -> None:
    rows = _rows(_stack(*ROLES), columns)
    assert all("hub" in row and "ready" in row for row in rows if "hub" in row)
    (speech,) = (row for row in rows if "stt-server" in row)
    assert re.search(r"starting.* loading w", speech)


def test_at_80_columns_ports_and_figures_have_a_place() -> None:
    rows = _rows(_stack(HUB, RoleStatus("worker", "ready", 9, NOW - 4000, ports={"http": 8300})), 80)
    assert re.search(r"ROLE +STATE +SINCE +\S+ +CPU +MEMORY +STATUS", rows[1])
    assert re.search(r"● hub +ready +6 min  .*8080.* 3 %    90 MiB", rows[2])


def test_figures_do_not_move_the_columns() -> None:
    quiet, busy = (RoleStatus("a", "ready", 1, NOW, cpu_percent=cpu, memory_bytes=size, status_text="here")
                   for cpu, size in ((0.0, 1 << 20), (1234.0, 99 << 30)))  # fmt: skip
    assert _rows(_stack(quiet))[2].index("here") == _rows(_stack(busy))[2].index("here")


def test_gpu_memory_and_restarts_take_place_only_when_there_are_any() -> None:
    assert "GPU MEM" not in _rows(_stack(HUB, WAITING))[1]
    assert "RESTARTS" not in _rows(_stack(HUB, WAITING))[1]
    heads = _rows(_stack(*ROLES), 160)[1]
    assert "GPU MEM" in heads
    assert "RESTARTS" in heads


def test_when_rows_are_few_those_in_trouble_are_shown_and_the_others_counted() -> None:
    roles = [RoleStatus(f"r{number}", "ready", 1, NOW - 100) for number in range(48)]
    rows = _rows(_stack(*roles[:20], WORKER, *roles[20:], KILLED), most_rows=10)
    assert len(rows) == 10
    assert any("worker" in row for row in rows)
    assert any("killed by SIGKILL (9)" in row for row in rows)
    assert rows[-1].startswith(" … 43 ready more")
    assert [row.split()[1] for row in rows[2:7]] == ["r0", "r1", "r2", "r3", "r4"]


def test_too_few_rows_show_nothing() -> None:
    assert _rows(_stack(*ROLES), most_rows=2) == []
    assert _rows(_stack(), most_rows=20) == []


def test_a_role_that_was_asked_to_end_has_not_failed() -> None:
    asked = [RoleStatus(f"r{code}", "ended", None, NOW, exit=code) for code in (0, -15, -2, 143)]
    assert not any("failed" in row for row in _rows(_stack(*asked, state="stopping")))
    assert "failed" in _rows(_stack(RoleStatus("r", "ended", None, NOW, exit=1)))[2]


def test_without_colors_there_is_no_escape_sequence() -> None:
    assert not any("\x1b" in row for row in _rows(_stack(*ROLES)))
    assert any("\x1b[31m✗" in row for row in _rows(_stack(*ROLES), colored=True))


def test_what_a_role_says_cannot_move_the_cursor() -> None:
    rude = RoleStatus("rude", "ready", 1, NOW, status_text="\x1b[2J\x1b[Hgone\r\n\x07\x9b31m")
    row = _rows(_stack(rude))[2]
    assert not re.search("[\x00-\x1f\x7f-\x9f]", row)
    assert text_width(row) == 120


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 8, "short   "),
        ("much too long", 8, "much to…"),
        ("漢字漢字", 8, "漢字漢字"),
        ("漢字漢字x", 8, "漢字漢… "),
        ("e\u0301tude", 5, "e\u0301tude"),
        ("", 3, "   "),
        ("gone", 0, ""),
    ],
)
def test_text_is_cut_or_filled_to_a_width_in_columns(text: str, width: int, shown: str) -> None:
    assert fit(text, width) == shown
    assert text_width(shown) == width


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (11220, "3 h 07"), (3 * 86400, "3 d"), (-5, "0 s")],
)
def test_ages_get_coarser(duration_s: float, text: str) -> None:
    assert age(duration_s) == text


def test_an_age_that_need_not_be_exact_is_still_for_a_minute() -> None:
    assert age(3, is_exact=False) == age(58, is_exact=False) == "<1 min"


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(None, ""), (0, ""), (300, "1 MiB"), (18 << 20, "18 MiB"), (1200 << 20, "1.2 GiB"), (141 << 30, "141 GiB")],
)
def test_sizes_fit_their_column(size_bytes: int | None, text: str) -> None:
    assert memory(size_bytes) == text
