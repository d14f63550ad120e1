"""The run record: ``run.jsonl`` beside the log files, one JSON object per event, for people and programs afterwards.

Each line is written whole, so that it survives the end of the launcher; at the end of the run the file is also forced
to the disk. Every line has ``time`` (seconds of the Unix clock) and ``event``; the first says which run it is.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping

from xr_ai_launcher._run.role import Role, State
from xr_ai_launcher._run.screen import write_all

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from typing import Any

FILE_NAME = "run.jsonl"
# A role that is ready may say its status many times a second: a record of it need not grow as fast.
_STATUS_PAUSE_S = 1.0
_UNRECORDED = frozenset({"reason"})


class Record:
    """Writes what `News` tells. Nothing is written before the first `flush`, which keeps it out of the start's way."""

    def __init__(self, folder: str, clean: Callable[[str], str]) -> None:
        """``clean`` takes secrets out of a text."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(os.path.join(folder, FILE_NAME), flags, 0o600)
        self._clean = clean
        self._waiting: list[dict[str, Any]] | None = []
        self._last_status_s: dict[str, float] = {}

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Say which run this is."""
        self._add({"event": "run", **facts})

    def take(self, kind: str, role: Role | None, text: str, exit_code: int | None) -> None:
        """Note one event."""
        if (
            kind in _UNRECORDED
            or (kind == "status" and not text)
            or (kind == "status" and role is not None and self._is_too_much(role))
        ):
            return
        entry: dict[str, Any] = {"event": kind}
        if role is not None:
            entry["role"] = role.name
            if kind == "started":
                entry["pid"] = role.pid
            if kind == "ready":
                entry["after_s"] = round(role.ready_s - role.started_s, 3)
        if text:
            entry["text"] = self._clean(text)
        if exit_code is not None:
            entry["exit_code"] = exit_code
        self._add(entry)

    def flush(self) -> None:
        """Write what has waited; from now on everything is written at once."""
        waiting, self._waiting = self._waiting or [], None
        for entry in waiting:
            self._write(entry)

    def close(self) -> None:
        """Make sure of what was written."""
        self.flush()
        with contextlib.suppress(OSError):  # a file system that cannot
            os.fsync(self._file)
        os.close(self._file)

    def _add(self, entry: dict[str, Any]) -> None:
        entry = {"time": round(time.time(), 6), **entry}
        if self._waiting is None:
            self._write(entry)
        else:
            self._waiting.append(entry)

    def _write(self, entry: dict[str, Any]) -> None:
        import json  # late: the first roles start before it is needed

        write_all(self._file, json.dumps(entry, ensure_ascii=False).encode(errors="replace") + b"\n")

    def _is_too_much(self, role: Role) -> bool:
        now = time.monotonic()
        if role.state is State.READY and now - self._last_status_s.get(role.name, -_STATUS_PAUSE_S) < _STATUS_PAUSE_S:
            return True
        self._last_status_s[role.name] = now
        return False
