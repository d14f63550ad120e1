"""A process of a measurement that answers a JSON line per command: the driver's side, and the process' own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

__all__ = ("Child", "ChildError", "serve")

_QUIT_LIMIT_S = 3.0
_LINE_BYTES_MOST = 1 << 20


class ChildError(RuntimeError):
    """A process could not do what it was told; its reason is in the message."""


class Child:
    """A Python program that is told what to do; call it with a command, and get what that returns there."""

    def __init__(self, program: Path, *arguments: str, stderr: Any = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(program), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        self._name = " ".join([program.stem, *arguments[:1]])
        self._times = psutil.Process(self._process.pid)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.quit()

    def __call__(self, command: str, **arguments: Any) -> Any:
        self.post(command, **arguments)
        return self.get()

    def post(self, command: str, **arguments: Any) -> None:
        """Tell it something; `get` returns its answer."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"cmd": command, **arguments}) + "\n")
        self._process.stdin.flush()

    def get(self) -> Any:
        """Return the answer to what was posted.

        Raises:
            ChildError: it failed, or the process has ended.
        """
        answer = self.answer()
        if "error" in answer:
            raise ChildError(f"{self._name}: {answer['error']}")
        return answer["ok"]

    def answer(self) -> dict[str, Any]:
        """Return the answer as it came: ``{"ok": …}`` or ``{"error": …}``."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            return {"error": f"the process ended ({self._process.poll()})"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def cpu_s(self) -> float:
        """Return its processor time so far."""
        times = self._times.cpu_times()
        return float(times.user + times.system)

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait()

    def quit(self) -> None:
        """End it; safe to call again."""
        if self._process.poll() is not None:
            return
        try:
            self.post("quit")
            self._process.wait(_QUIT_LIMIT_S)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self.kill()


async def serve(player: object) -> None:
    """Answer commands with the coroutine methods of ``player`` until told to quit or stdin ends.

    Standard output is for the answers alone: what else prints goes to stderr.
    """
    reader = asyncio.StreamReader(limit=_LINE_BYTES_MOST)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        while line := await reader.readline():
            request = json.loads(line)
            command = request.pop("cmd")
            if command == "quit":
                return
            try:
                answer = {"ok": await getattr(player, command)(**request)}
            except Exception as error:  # reported to the driver, not hidden
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), file=out, flush=True)
