"""The hub's end of the agents' control channels: each answer goes to the one agent that asked."""

from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from typing import Final

import zmq

from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.backlog import LARGE_BYTES, Backlog
from xr_ai_agent._net.sockets import SocketReader

# A full queue or an agent that is gone; with ROUTER_MANDATORY ZeroMQ says so.
_UNDELIVERABLE = (zmq.EAGAIN, zmq.EHOSTUNREACH)
# Per agent, of pixels it asked for: several cameras of 8K at a time.
_WAITING_MAX_BYTES: Final = 256 * 2**20


class ControlServer:
    """A ROUTER: agents are told apart by their connection, and none can read or ask in the name of another."""

    def __init__(self, socket: zmq.Socket[bytes], handle: Callable[[str, bytes], None], losses: LossCounter) -> None:
        self.undelivered: Counter[str] = Counter()
        """Answers for which there was no room, per agent that is here."""
        self._socket = socket
        self._handle = handle
        self._losses = losses
        self._backlogs: defaultdict[str, Backlog] = defaultdict(partial(Backlog, _WAITING_MAX_BYTES))
        self._reader = SocketReader(socket, self._on_message, losses)

    def start(self) -> None:
        """Begin to read on the running loop."""
        self._reader.start()

    def stop(self) -> None:
        """Read no more."""
        self._reader.stop()

    def answer(self, agent_id: str, *parts: bytes) -> None:
        """Send parts to one agent; never blocks."""
        if self._socket.closed:
            return
        try:
            self._send(agent_id, parts)
        except zmq.ZMQError as error:
            if error.errno not in _UNDELIVERABLE:
                raise
            self.undelivered[agent_id] += 1
            self._losses.count("answer not delivered", f"agent {agent_id!r:.80}: {error}")
        self._reader.check_swallowed()

    def forget(self, agent_id: str) -> None:
        """This agent is gone."""
        self.undelivered.pop(agent_id, None)
        self._backlogs.pop(agent_id, None)

    def _send(self, agent_id: str, parts: tuple[bytes, ...]) -> None:
        last = parts[-1]
        is_large = len(last) >= LARGE_BYTES
        if is_large and not self._backlogs[agent_id].has_room(len(last)):
            raise zmq.Again
        self._socket.send(agent_id.encode(), zmq.SNDMORE | zmq.NOBLOCK)
        for part in parts[:-1]:
            self._socket.send(part, zmq.SNDMORE | zmq.NOBLOCK)
        if is_large:
            self._backlogs[agent_id].send(self._socket, last, zmq.NOBLOCK)
        else:
            self._socket.send(last, zmq.NOBLOCK)

    def _on_message(self, parts: list[bytes]) -> None:
        if len(parts) == 2:
            self._handle(parts[0].decode("ascii", "replace"), parts[1])
        else:
            self._losses.count("malformed message", f"{len(parts)} parts on the control channel; expected 2")
