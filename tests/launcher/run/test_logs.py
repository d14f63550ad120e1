"""What roles print arrives whole, in the log files and on the screen, and never holds a role up."""

import os
import pty
import re
import subprocess

from xr_ai_launcher.testing import wait_for

LINES = 100_000
LONG_LINE_BYTES = 5_000_000


def test_lines_have_the_roles_prefix_and_the_file_has_them_bare(start, role):
    stack = start(role("a", "say", "one", "two", "--", "three"), role("longer", "say", "four"))
    stack.wait_for_words("err:three")
    stack.wait_for_words("longer  │ four")
    assert [line for line in stack.stdout.splitlines() if line.startswith("a")] == [
        "a       │ one",
        "a       │ two",
        "a       │ err:three",
    ]
    assert stack.log("a") == b"one\ntwo\nerr:three\n"


def test_flood_is_whole(start, role, tmp_path):
    done = tmp_path / "done"
    stack = start(role("flood", "flood", LINES, done))
    wait_for(lambda: done.exists() and stack.stdout.count("\n") >= LINES, "the flood", 60)
    assert stack.log("flood").count(b"\n") == LINES
    numbers = re.findall(r"^flood   │ (\d{8}):x{86}:END$", stack.stdout, re.MULTILINE)
    assert len(numbers) == LINES
    assert all(int(number) == place for place, number in enumerate(numbers))


def test_floods_of_several_roles_do_not_mix_within_lines(start, role, tmp_path):
    count = 20_000
    roles = [role(f"r{i}", "flood", count, tmp_path / f"done{i}") for i in range(4)]
    stack = start(*roles)
    wait_for(lambda: stack.stdout.count("\n") >= 4 * count, "four floods", 60)
    whole = re.findall(r"^(r\d)      │ (\d{8}):x{86}:END$", stack.stdout, re.MULTILINE)
    assert len(whole) == 4 * count
    for i in range(4):
        numbers = [int(number) for name, number in whole if name == f"r{i}"]
        assert all(number == place for place, number in enumerate(numbers))


def test_very_long_line_is_whole_in_the_file(start, role):
    code = f"import sys,time; sys.stdout.write('y' * {LONG_LINE_BYTES}); sys.stdout.flush(); time.sleep(3600)"
    from dataclasses import replace

    long = role("long", "say")
    stack = start(replace(long, argv=(long.argv[0], "-S", "-c", code)))
    wait_for(lambda: len(stack.log("long")) == LONG_LINE_BYTES, "the whole line", 60)


def test_last_words_without_a_newline_are_shown(start, role):
    from dataclasses import replace

    stack = start(replace(role("p", "say"), argv=("/bin/sh", "-c", "printf 'first\\nlast words'; exit 3")))
    assert stack.wait() == 3
    assert "p       │ last words\n" in stack.stdout
    assert "    last words\n" in stack.stderr


def test_bytes_that_are_no_text_pass(start, role):
    from dataclasses import replace

    stack = start(replace(role("b", "say"), argv=("/bin/sh", "-c", "printf 'a\\377\\000b\\n'; exec sleep 600")))
    wait_for(lambda: stack.log("b") == b"a\xff\x00b\n", "the bytes")
    stack.wait_for_words("a\ufffd\0b")


def test_reader_that_stopped_reading_does_not_hold_the_role_up(start, role, tmp_path):
    """A paused terminal, or ``| less``: the role goes on, and its lines are in the file."""
    done = tmp_path / "done"
    stack = start(role("flood", "flood", 50_000, done), stdout=subprocess.PIPE)
    wait_for(done.exists, "the flood", 60)
    stack.process.terminate()
    assert stack.wait() == 143
    assert stack.log("flood").count(b"\n") == 50_000
    stack.process.stdout.close()


def test_reader_that_went_away_does_not_end_the_stack(start, role, tmp_path):
    done = tmp_path / "done"
    stack = start(role("flood", "flood", 50_000, done), stdout=subprocess.PIPE)
    stack.process.stdout.close()
    wait_for(done.exists, "the flood", 60)
    assert stack.process.poll() is None
    stack.process.terminate()
    assert stack.wait() == 143


def read_terminal(master):
    """Read what is written until nobody has the terminal any more."""
    data = b""
    while True:
        try:
            data += os.read(master, 65536)
        except OSError:
            return data


def test_terminal_gets_colours_unless_they_are_unwanted(start, role):
    for variables, expected in (({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)):
        master, slave = pty.openpty()
        env = {"TERM": "xterm", **variables}
        stack = start(role("bad", "ends", 7), stdout=slave, stderr=slave, env=env)
        os.close(slave)
        shown = read_terminal(master)
        os.close(master)
        assert stack.wait() == 7
        assert b"line 20" in shown
        assert (b"\x1b[" in shown) is expected


def test_role_cannot_clear_the_shared_terminal(start, role):
    from dataclasses import replace

    script = r"printf '\033[2J\033]0;title\007\033[31mred\nsteps: 1 %%\rsteps: 2 %%\n'; exit 3"
    master, slave = pty.openpty()
    toy = replace(role("toy", "say"), argv=("/bin/sh", "-c", script))
    stack = start(toy, stdout=slave, stderr=subprocess.DEVNULL, env={"TERM": "xterm"})
    os.close(slave)
    shown = read_terminal(master)
    os.close(master)
    assert stack.wait() == 3
    assert b"\x1b[2J" not in shown
    assert b"title" not in shown
    assert b"\x1b[31mred\x1b[0m" in shown
    assert b"\xe2\x94\x82 \x1b[0msteps: 2 %" in shown
    assert stack.log("toy").startswith(b"\x1b[2J")


def test_full_disk_is_said_once_and_lines_still_reach_the_screen(tmp_path):
    from xr_ai_launcher._run.log_file import LogFile
    from xr_ai_launcher._run.relay import Relay
    from xr_ai_launcher._run.screen import Screen

    full = tmp_path / "toy.log"
    full.symlink_to("/dev/full")
    shown = os.open(tmp_path / "shown", os.O_RDWR | os.O_CREAT)
    relay = Relay(LogFile(str(full), limit_bytes=1 << 20, kept=1), b"toy | ", Screen(shown, shown))
    for _ in range(2):
        with os.fdopen(relay.open_pipe(), "wb") as role:
            role.write(b"hello\n")
        relay.close_pipe()
    relay.close()
    os.close(shown)
    text = (tmp_path / "shown").read_text()
    assert text.count("toy | hello") == 2
    assert text.count("toy.log cannot be written (disk full?): it misses lines") == 1


def test_no_terminal_no_colours(start, role):
    stack = start(role("bad", "ends", 7))
    stack.wait()
    assert "\x1b" not in stack.stdout + stack.stderr
