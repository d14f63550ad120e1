"""The driver's side: worker processes, and one hub with its connector and agents."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from child import Child

__all__ = ("Rig", "Worker", "rigs")

_WORKER = Path(__file__).with_name("hub_worker.py")
_SETTLE_LIMIT_S, _POLL_S = 20.0, 0.01
# Nothing more comes once so long nothing came: what is missing then is lost.
_SILENCE_S = 0.4


class Worker(Child):
    """A process that plays hub, connector or agent; see hub_worker.py for what it can be told."""

    def __init__(self, spec: str, folder: str, options: dict[str, Any], log: Any) -> None:
        super().__init__(_WORKER, spec, folder, json.dumps(options), stderr=log)

    def get(self) -> Any:
        """Return the answer to what was posted; ``{"error": …}`` if it failed, which faults are about."""
        answer = self.answer()
        return answer.get("ok", answer)


class Rig:
    """One hub, one connector (in the hub's process unless ``is_split``) and some agents that listen to ``pids``."""

    def __init__(
        self,
        spec: str,
        *,
        is_split: bool = False,
        agents: int = 1,
        pids: Sequence[str] = ("p0",),
        slots: int = 10,
        max_frame_bytes: int = 12_441_600,
    ) -> None:
        self.spec, self.folder = spec, tempfile.mkdtemp(prefix="hubbench-")
        self._options = {"slots": slots, "max_frame_bytes": max_frame_bytes}
        self._log = Path(self.folder, "log").open("ab")  # noqa: SIM115 - closed by close()
        self.pids = list(pids)
        self.hub = self.spawn()
        self.connector = self.spawn() if is_split else self.hub
        self.agents = [self.spawn() for _ in range(agents)]

    @property
    def agent(self) -> Worker:
        """The first agent."""
        return self.agents[0]

    def start(self, limit_s: float = _SETTLE_LIMIT_S) -> Rig:
        """Let everybody join, and return when the agents hear every participant (or never will)."""
        self.hub("start_hub")
        self.connector("start_conn")
        for agent in self.agents:
            agent("start_agent")
            agent("subscribe", pids=self.pids)
        self.connector("join", pids=self.pids)
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            for pid in self.pids:
                self.connector("audio", pids=[pid], secs=1, rate=1)
            time.sleep(_POLL_S)
            if all(agent("heard_pids") == len(self.pids) for agent in self.agents):
                break
        self.clear()
        return self

    def spawn(self) -> Worker:
        """Return one more process of the same kind, which plays nothing yet."""
        return Worker(self.spec, self.folder, self._options, self._log)

    def clear(self) -> None:
        """Forget what was received so far."""
        for worker in self.workers():
            worker("clear")

    def workers(self) -> list[Worker]:
        """Return every process once."""
        return list({id(worker): worker for worker in (self.hub, self.connector, *self.agents)}.values())

    def cpu_s(self) -> list[float]:
        """Return the processor time of each process so far."""
        return [worker("cpu") for worker in self.workers()]

    def until_received(self, worker: Worker, kind: str, wanted: int) -> int:
        """Return how many frames, sounds ("audio") or return sounds ("ret") came, at the latest when it gets silent."""
        count, last_news = -1, time.monotonic()
        while time.monotonic() - last_news < _SILENCE_S:
            now = worker("received", kind=kind)
            if now >= wanted:
                return int(now)
            if now != count:
                count, last_news = now, time.monotonic()
            time.sleep(_POLL_S)
        return count

    def log_text(self) -> str:
        """Return what the processes wrote to stderr."""
        return Path(self.folder, "log").read_text(errors="replace")

    def close(self) -> None:
        """End everything."""
        for worker in reversed(self.workers()):
            worker.quit()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def rigs(specs: Iterable[str], make: Callable[[str], Rig]) -> Iterator[dict[str, Rig]]:
    """Start a rig of each kind; all of them run until the block ends."""
    with ExitStack() as stack:
        made: dict[str, Rig] = {}
        for spec in specs:
            made[spec] = make(spec)
            stack.callback(made[spec].close)
        for rig in made.values():
            rig.start()
        yield made
