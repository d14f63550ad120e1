"""A log file that grows, is rotated and floods, as the full-screen view follows it."""

from pathlib import Path

from xr_ai_launcher._view.tui.log_tail import LogTail


def test_lines_come_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    tail = LogTail(path)
    assert tail.read() == []
    path.write_bytes(b"one\ntw")
    assert tail.read() == ["one"]
    with path.open("ab") as file:
        file.write(b"o\nthree\r\n10 %\r90 %\r100 %\n")
    assert tail.read() == ["two", "three", "100 %"]
    assert tail.read() == []


def test_the_next_part_is_read_after_rotation(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"old\n")
    tail = LogTail(path)
    tail.read()
    path.rename(tmp_path / "a.log.1")
    path.write_bytes(b"new\n")
    assert tail.read() == ["new"]


def test_of_a_large_file_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(1_000_000)))
    lines = LogTail(path).read()
    assert lines[-1] == "line 999999"
    assert lines == [f"line {number}" for number in range(1_000_000 - len(lines), 1_000_000)]


def test_what_a_flood_skips_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"first\n")
    tail = LogTail(path)
    tail.read()
    with path.open("ab") as file:
        file.write(b"".join(b"line %d\n" % number for number in range(1_000_000)))
    lines = tail.read()
    assert "skipped" in lines[0]
    assert lines[-1] == "line 999999"
