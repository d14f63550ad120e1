"""`Stack`: a stack inside an asyncio program, from the first await to whatever ends the program."""

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from xr_ai_launcher import MissingPrerequisiteError, Stack, StackEndedError, StackError
from xr_ai_launcher.testing import free_port

STACK = """\
stack: s
roles:
  web:
    command: python -u -m http.server --bind 127.0.0.1 ${roles.web.ports.http}
    ports: {http: %d}
    url: http://127.0.0.1:${roles.web.ports.http}/
    ready: {http: "http://127.0.0.1:${roles.web.ports.http}/"}
"""
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def stack_file(here: Path) -> Path:
    path = here / "stack.yaml"
    path.write_text(STACK % free_port())
    return path


def _write(text: str) -> str:
    Path("stack.yaml").write_text(text)
    return "stack.yaml"


async def test_a_stack_is_awaited_used_and_stopped(stack_file: Path) -> None:
    async with Stack(stack_file) as stack:
        await stack.ready(within_s=30)
        await stack.ready(), "being ready is no news, but no error"
        (role,) = stack.plan.roles
        page = await asyncio.to_thread(lambda: urllib.request.urlopen(role.url, timeout=10).read())
        assert b"stack.yaml" in page
        assert stack.exit_code is None
        assert await stack.stop() == 143
        assert stack.exit_code == 143
    assert not psutil.pid_exists(stack.pid)


async def test_leaving_the_block_stops_the_stack(stack_file: Path) -> None:
    stack = Stack(stack_file)

    async def fail() -> None:
        async with stack:
            await stack.ready()
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        await fail()
    assert stack.exit_code == 143


async def test_options_are_those_of_the_command_line(stack_file: Path) -> None:
    port = free_port()
    stack_file.write_text(stack_file.read_text() + "  off: {command: sleep 600}\nprofiles: {p: {}}\n")
    stack = Stack(stack_file, profile="p", overrides=[f"roles.web.ports.http={port}"], without=["off"])
    async with stack:
        await stack.ready()
        assert stack.plan.profile == "p"
        assert [role.name for role in stack.plan.enabled_roles] == ["web"]
        assert stack.plan.roles[0].ports == {"http": port}


async def test_an_end_before_readiness_is_an_error_with_code_and_reason() -> None:
    path = _write("stack: s\nroles: {a: {command: [sh, -c, 'exit 7'], ready: {log: never}}}\n")
    async with Stack(path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as stack:
        with pytest.raises(StackEndedError, match="s ended with exit code 7 before it was ready: a ended") as caught:
            await stack.ready()
        assert caught.value.exit_code == 7
        assert await stack.wait() == 7


async def test_waiting_can_be_limited_and_the_stack_goes_on() -> None:
    path = _write("stack: s\nroles: {a: {command: sleep 600, ready: {log: never}}}\n")
    async with Stack(path) as stack:
        with pytest.raises(TimeoutError):
            await stack.ready(within_s=0.05)
        assert stack.exit_code is None


async def test_a_bad_stack_is_refused_with_its_problems() -> None:
    with pytest.raises(StackError) as caught:
        async with Stack(_write("stack: s\nrolse: {}\n")):
            pytest.fail("entered")
    assert caught.value.problems[0].key_path == "rolse"
    with pytest.raises(MissingPrerequisiteError):
        async with Stack(_write("stack: s\nroles: {a: {command: xrstack-none}}\n")):
            pytest.fail("entered")


async def test_cancelling_stops_the_stack(stack_file: Path) -> None:
    stack = Stack(stack_file)

    async def use() -> None:
        async with stack:
            await stack.ready()
            is_used.set()
            await asyncio.Event().wait()

    is_used = asyncio.Event()
    user = asyncio.create_task(use())
    await is_used.wait()
    user.cancel()
    with pytest.raises(asyncio.CancelledError):
        await user
    assert stack.exit_code == 143


def test_outside_its_block_a_stack_says_how_it_is_used(stack_file: Path) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        _ = Stack(stack_file).pid


PROGRAM = """\
import asyncio, sys
from xr_ai_launcher import Stack

async def main():
    async with Stack("stack.yaml") as stack:
        await stack.ready()
        print(stack.pid, flush=True)
        await stack.wait()

asyncio.run(main())
"""


def test_a_killed_program_takes_its_stack_with_it() -> None:
    _write("stack: s\nroles: {a: {command: sleep 600}}\n")
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        pid = next(int(line) for line in program.stdout if line.strip().isdigit())
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        assert len(family) >= 3
        os.kill(program.pid, signal.SIGKILL)
        program.stdout.read()  # until everybody who could write there is gone
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
