"""``xrstack logs``, and the files it reads."""

import itertools
import json
import signal
import time
from pathlib import Path

import pytest

from xr_ai_launcher._control.log_lines import merged, parts_of, read_role
from xr_ai_launcher._run.log_file import LogFile, tail_of
from xr_ai_launcher.testing import wait_for

STACK = """\
    stack: toy
    roles:
      a:
        command: [sh, -c, 'echo a1; while ! test -e go; do sleep 0.02; done; echo a2; exec sleep 600']
        ready: {log: a1}
      b:
        command: [sh, -c, 'while ! test -e go-b; do sleep 0.02; done; echo b1; touch go; exec sleep 600']
"""


# -- the files


def write(path, texts, monkeypatch, *, limit=1 << 20, kept=3):
    """Write one text per second of an invented clock."""
    clock = itertools.count(1)
    monkeypatch.setattr(time, "time_ns", lambda: next(clock) * 10**9)
    log = LogFile(str(path), limit_bytes=limit, kept=kept)
    for text in texts:
        assert log.write(text)
    log.close()


def texts(lines):
    return [line.text.decode() for line in lines]


def test_every_line_has_the_time_at_which_it_came(tmp_path, monkeypatch):
    path = tmp_path / "a.log"
    write(path, [b"one\ntwo\n", b"thr", b"ee\nfour\n"], monkeypatch)
    seen = [(line.text, line.time_ns // 10**9) for line in read_role("a", path)]
    assert seen == [(b"one", 1), (b"two", 1), (b"three", 2), (b"four", 3)]


def test_lines_of_several_roles_are_put_in_order(tmp_path, monkeypatch):
    write(tmp_path / "a.log", [b"a1\n", b"", b"a2\n"], monkeypatch)
    write(tmp_path / "b.log", [b"b1\n", b"b2\nb3\n", b"b4"], monkeypatch)
    streams = [read_role(role, tmp_path / f"{role}.log") for role in "ab"]
    assert texts(merged(streams)) == ["a1", "b1", "a2", "b2", "b3", "b4"]
    streams = [read_role(role, tmp_path / f"{role}.log", last=2) for role in "ab"]
    assert texts(merged(streams, 2)) == ["b3", "b4"]


@pytest.mark.parametrize(("since_s", "expected"), [(0, "one two three four"), (2, "four"), (3, "four"), (4, "")])
def test_since_begins_with_a_whole_line(tmp_path, monkeypatch, since_s, expected):
    path = tmp_path / "a.log"
    write(path, [b"one\ntwo\n", b"thr", b"ee\nfour\n"], monkeypatch)
    lines = texts(read_role("a", path, since_ns=since_s * 10**9))
    assert lines == ([*(["three"] if since_s == 2 else []), *expected.split()])


@pytest.mark.parametrize("last", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_last_lines_with_and_without_a_final_newline(tmp_path, monkeypatch, last, ending):
    path = tmp_path / "a.log"
    write(path, [b"1\n2\n3\n4" + ending], monkeypatch)
    assert texts(read_role("a", path, last=last)) == ["1", "2", "3", "4"][-last:]


def test_last_lines_of_a_large_file_are_found_from_its_end(tmp_path, monkeypatch):
    path = tmp_path / "a.log"
    write(path, [b"".join(b"%099d\n" % number for number in range(20_000))], monkeypatch, limit=1 << 30)
    assert [int(text) for text in texts(read_role("a", path, last=1500))] == list(range(18_500, 20_000))


def test_rotation_keeps_whole_lines_and_so_many_parts(tmp_path, monkeypatch):
    path = tmp_path / "a.log"
    chunks = [b"line %03d begins" % number + b", ends\n" for number in range(40)]
    halves = [half for chunk in chunks for half in (chunk[:9], chunk[9:])]
    write(path, halves, monkeypatch, limit=100, kept=3)
    parts = parts_of(path)
    assert [part.name for part in parts] == ["a.log.3", "a.log.2", "a.log.1", "a.log"]
    for part in parts[:-1]:
        assert part.read_bytes().endswith(b"ends\n")
        assert 100 <= part.stat().st_size < 100 + 2 * len(chunks[0])
    assert not list(tmp_path.glob("*.4"))
    lines = texts(read_role("a", path))
    assert lines == [chunk.decode().rstrip() for chunk in chunks[-len(lines) :]]
    assert texts(read_role("a", path, last=9)) == lines[-9:]
    times = [line.time_ns // 10**9 for line in read_role("a", path)]
    assert times == list(range(2 * (40 - len(lines)) + 1, 81, 2))


def test_nothing_is_kept_when_nothing_is_to_be_kept(tmp_path, monkeypatch):
    path = tmp_path / "a.log"
    write(path, [b"0123456789\n"] * 10, monkeypatch, limit=20, kept=0)
    assert parts_of(path) == [path]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.log", "a.times"]


def test_a_part_is_larger_than_the_limit_by_a_line_at_most_however_much_comes_at_once(tmp_path, monkeypatch):
    path = tmp_path / "a.log"
    flood = b"".join(b"%09d\n" % number for number in range(1000))
    write(path, [flood], monkeypatch, limit=1000, kept=20)
    parts = parts_of(path)
    assert max(part.stat().st_size for part in parts) <= 1010
    assert b"".join(part.read_bytes() for part in parts) == flood


def test_tail_reaches_into_the_part_before(tmp_path):
    path = tmp_path / "a.log"
    log = LogFile(str(path), limit_bytes=10, kept=1)
    for text in (b"first line\n", b"second line\n", b"x\n"):
        log.write(text)
    log.close()
    assert path.read_bytes() == b"x\n"
    assert tail_of(str(path), 15) == ["first line", "second line", "x"]
    assert tail_of(str(path), 2) == ["second line", "x"]


def test_log_without_its_index_can_still_be_read(tmp_path, monkeypatch):
    path = tmp_path / "a.log"
    write(path, [b"one\ntwo\n"], monkeypatch)
    (tmp_path / "a.times").unlink()
    assert texts(read_role("a", path)) == ["one", "two"]


# -- the command


def test_running_stack_in_order_with_its_own_words(project):
    project.stack(STACK)
    project.up()
    (project.folder / "go-b").touch()
    wait_for(lambda: "a2" in project.log("a"), "the last line")
    result = project.run("logs")
    assert result.returncode == 0
    said = [line for line in result.stdout.splitlines() if "│ a" in line or "│ b1" in line]
    assert [line for line in said if not line.startswith("xrstack")] == ["a       │ a1", "b       │ b1", "a       │ a2"]
    assert "xrstack │ a started (process " in result.stdout
    assert "xrstack │ a is ready after " in result.stdout


def test_chosen_roles_and_last_lines_and_stamps(project):
    project.stack(STACK)
    project.up()
    (project.folder / "go-b").touch()
    wait_for(lambda: "a2" in project.log("a"), "the last line")
    assert project.run("logs", "a").stdout == "a │ a1\na │ a2\n"
    assert project.run("logs", "--lines", "1", "a").stdout == "a │ a2\n"
    stamped = project.run("logs", "-t", "-n", "1", "b").stdout
    assert stamped.startswith(time.strftime("%Y-%m-%d "))
    assert stamped.endswith(" b │ b1\n")
    (entry,) = map(json.loads, project.run("logs", "--json", "b").stdout.splitlines())
    assert (entry["role"], entry["line"]) == ("b", "b1")
    assert abs(entry["time"] - time.time()) < 60
    assert project.run("logs", "--since", "1h", "b").stdout == "b │ b1\n"
    assert project.run("logs", "--since", "0s", "b").stdout == ""


def test_mistakes_are_told(project):
    assert "no stack runs, and there are no logs of an earlier run" in project.run("logs").stderr
    project.stack(STACK)
    project.up()
    result = project.run("logs", "c")
    assert result.returncode == 1
    assert "there is no log of a role c; there are a, b" in result.stderr
    result = project.run("logs", "--since", "yesterday")
    assert result.returncode == 2
    assert "is not a duration" in result.stderr


def test_last_run_that_has_ended(project):
    for word in ("old", "new"):
        project.stack(f"stack: toy\nroles: {{a: {{command: [sh, -c, 'echo {word}; exit 7'], ready: {{log: never}}}}}}")
        assert project.run("up", "--plain").returncode == 7
    project.stack(
        "stack: other\nroles: {a: {command: [sh, -c, 'echo other; exit 7'], ready: {log: never}}}", "other.yaml"
    )
    project.run("up", "other.yaml", "--plain")
    assert project.run("logs", "a").stdout == "a │ new\n"  # of ./stack.yaml, although another ran later
    assert project.run("logs", "-s", "other", "a").stdout == "a │ other\n"
    assert project.run("logs", "-s", "other.yaml", "a").stdout == "a │ other\n"
    said = project.run("logs").stdout
    assert "xrstack │ a ended: exit code 7" in said
    assert said.splitlines()[-1].startswith("xrstack │ ended with exit code 7: a ended after")
    assert project.run("logs", "-f", "a").stdout == "a │ new\n"  # nothing to follow


def test_following_until_the_end(project):
    project.stack(STACK)
    project.up()
    following = project.start("logs", "-f")
    wait_for(lambda: "a       │ a1" in following.said(), "what was")
    (project.folder / "go-b").touch()
    wait_for(lambda: "│ a2" in following.said(), "what comes")
    assert project.run("restart", "b").returncode == 0
    wait_for(lambda: following.said().count("│ b1") == 2, "the new life's line")
    project.run("down")
    assert following.wait(20) == 0
    assert "xrstack │ ended with exit code 0: stopped by xrstack down" in following.said()
    assert following.said().count("│ a1") == 1


def test_following_waits_without_polling(project, wait_for_rest):
    project.stack(STACK)
    project.up()
    following = project.start("logs", "-f", "a")
    wait_for(lambda: "a1" in following.said(), "what was")
    wait_for_rest(following.pid)
    following.send_signal(signal.SIGINT)
    assert following.wait(20) == 130


@pytest.mark.parametrize("begins", ["before", "amid"])
def test_following_loses_nothing_over_rotations(project, begins):
    count = 30_000
    project.stack(f"""\
        stack: toy
        logs: {{part: 50KB, keep: 100}}
        roles:
          flood:
            command:
              - python
              - -c
              - |
                import os, time
                print("ready", flush=True)
                while not os.path.exists("go"):
                    time.sleep(0.01)
                for number in range({count}):
                    print(f"line {{number:06}}")
                print("end", flush=True)
                time.sleep(600)
            ready: {{log: ready}}
    """)
    run = project.up()
    if begins == "amid":
        (project.folder / "go").touch()
    following = project.start("logs", "-f", "--lines", "1000000", "flood")
    wait_for(lambda: "ready" in following.said(), "what was")
    (project.folder / "go").touch()
    wait_for(lambda: following.said().endswith("flood │ end\n"), "the end of the flood")
    assert len(parts_of(Path(run.role("flood").log_path))) > 5
    numbers = [int(line[-6:]) for line in following.said().splitlines() if "line" in line]
    assert len(numbers) == count
    assert all(number == place for place, number in enumerate(numbers))
    project.run("down")
    assert following.wait(20) == 0
