"""The terminal that the other tests of views read."""

from collections.abc import Callable

from kit.terminal import Terminal

Start = Callable[..., Terminal]


def test_a_program_that_never_stops_writing_can_be_looked_at(on_terminal: Start) -> None:
    """Full-screen programs on a busy machine write faster than pyte reads."""
    terminal = on_terminal("never-ending", program="yes")
    terminal.wait_for_text("never-ending")
    assert terminal.process.poll() is None
