"""A process that answers a line per command: what it returns comes back, and why it cannot is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from child import Child, ChildError

PROGRAM = f"""
import asyncio, os, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from child import serve

class Player:
    async def double(self, number):
        print("this is not an answer", flush=True)
        return 2 * number
    async def end(self):
        os._exit(7)

asyncio.run(serve(Player()))
"""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    program = tmp_path / "player.py"
    program.write_text(PROGRAM)
    with Child(program) as running:
        yield running


def test_answers_come_in_order_and_what_it_prints_is_none(child: Child) -> None:
    for number in range(3):
        child.post("double", number=number)
    assert [child.get() for _ in range(3)] == [0, 2, 4]
    assert child.cpu_s() > 0


def test_why_it_failed_is_said_and_it_goes_on(child: Child) -> None:
    with pytest.raises(ChildError, match=r"player: .*nobody_knows"):
        child("nobody_knows")
    assert child("double", number=4) == 8


def test_its_end_is_an_error_and_no_wait(child: Child) -> None:
    with pytest.raises(ChildError, match=r"the process ended"):
        child("end")
