"""Roles that write more than lines cannot disturb the table, nor the lines of others."""

import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xr_ai_launcher._run.escapes import calm

Start = Callable[..., Any]

RUDE = {
    "clear": b"\x1b[2J\x1b[3J\x1b[H",
    "reset": b"\x1bc",
    "margins": b"\x1b[1;5r",
    "position": b"\x1b[20;1H\x1b7\x1b8\x1b[s\x1b[u\x1b[A\x1bM\x1bD\x1bE",
    "alternate screen": b"\x1b[?1049h\x1b[?25h",
    "soft reset": b"\x1b[!p",
    "title": b"\x1b]0;a title\x07\x1b]2;another\x1b\\",
    "link": b"\x1b]8;;http://example.org\x07word\x1b]8;;\x07",
    "device string": b"\x1bP1$qm\x1b\\\x1b_strings\x1b\\\x1b^more\x1b\\",
    "character set": b"\x1b(0\x1b)B\x0e\x0f",
    "keys": b"\x1b[>4;2m\x1b[=1u\x1b[<u",
    "vertical": b"\x0b\x0c\x08\x08\x07",
    "one byte": "\x9b2J\x84\x8d".encode(),
    "unfinished": b"\x1b",
    "unfinished title": b"\x1b]0;never ends",
}


@pytest.mark.parametrize("data", RUDE.values(), ids=RUDE.keys())
def test_nothing_that_moves_the_cursor_is_left(data: bytes) -> None:
    left = calm(b"before " + data, keep_colors=True)
    assert left.startswith(b"before ")
    assert not re.search(rb"[\x00-\x08\x0b-\x1f]|\xc2[\x80-\x9f]", left)


def test_text_and_colors_stay() -> None:
    lines = "\x1b[1;38;5;208mWARN\x1b[0m\tgrün 漢字 — ok".encode()
    assert calm(lines, keep_colors=True) == lines + b"\x1b[0m"
    assert calm(lines, keep_colors=False) == "WARN\tgrün 漢字 — ok".encode()


def test_the_words_of_a_link_stay() -> None:
    assert calm(RUDE["link"], keep_colors=True) == b"word"


def test_of_a_progress_bar_the_last_state_stays() -> None:
    assert calm(b" 10 %\r 50 %\r100 %\ndone\r\n", keep_colors=True) == b"100 %\ndone\n"


def test_any_bytes_become_harmless() -> None:
    source = random.Random(7)
    alphabet = b"\x1b[]0123;?>mHJr\x07\x9b\xc2 ()\\PXc_^\x08x\n\r"
    for _ in range(3000):
        data = bytes(source.choice(alphabet) for _ in range(source.randrange(40)))
        left = calm(data, keep_colors=True)
        assert not re.search(rb"\x1b(?!\[[0-9;:]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f]", left), (data, left)


def test_the_table_survives_every_rudeness(tmp_path: Path, on_terminal: Start) -> None:
    program = (
        "import sys, time\nfor data in {!r}:\n    sys.stdout.buffer.write(data + b' end\\n')\n"
        "print('last', flush=True)\ntime.sleep(600)\n"
    )
    (tmp_path / "rude.py").write_text(program.format(list(RUDE.values())))
    (tmp_path / "stack.yaml").write_text(
        "stack: s\nroles:\n  ok: {command: sleep 600}\n"
        f"  rude: {{command: [{sys.executable}, rude.py], on_exit: ignore}}\n"
    )
    terminal = on_terminal("up", columns=80, lines=40)
    terminal.wait_for_text("rude    │ last")
    terminal.wait_for(lambda: re.match("── s · [12] of 2 ready", terminal.rows[-4]), "the table at its place")
    assert [row[:7] for row in terminal.rows[-2:]] == [" ● ok  ", " ● rude"]
    assert sum(row.startswith("rude    │") for row in terminal.rows) == len(RUDE) + 1
