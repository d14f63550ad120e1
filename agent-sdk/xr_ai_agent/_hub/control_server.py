"""The hub's end of the agents' control channels: each answer goes to the one agent that asked."""

from collections import Counter
from collections.abc import Callable

import zmq

from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.sockets import SocketReader

# A full queue or an agent that is gone; with ROUTER_MANDATORY ZeroMQ says so.
_UNDELIVERABLE = (zmq.EAGAIN, zmq.EHOSTUNREACH)
# Below this, copying a part costs less than lending it to ZeroMQ.
_LEND_MIN_BYTES = 65_536


class ControlServer:
    """A ROUTER: agents are told apart by their connection, and none can read or ask in the name of another."""

    def __init__(self, socket: zmq.Socket[bytes], handle: Callable[[str, bytes], None], losses: LossCounter) -> None:
        self.undelivered: Counter[str] = Counter()
        """Answers per agent for which there was no room."""
        self._socket = socket
        self._handle = handle
        self._losses = losses
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
            self._socket.send(agent_id.encode(), zmq.SNDMORE | zmq.NOBLOCK)
            for part in parts[:-1]:
                self._socket.send(part, zmq.SNDMORE | zmq.NOBLOCK)
            self._socket.send(parts[-1], zmq.NOBLOCK, copy=len(parts[-1]) < _LEND_MIN_BYTES)
        except zmq.ZMQError as error:
            if error.errno not in _UNDELIVERABLE:
                raise
            self.undelivered[agent_id] += 1
            self._losses.count("answer not delivered", f"agent {agent_id!r:.80}: {error}")
        self._reader.check_swallowed()

    def _on_message(self, parts: list[bytes]) -> None:
        if len(parts) == 2:
            self._handle(parts[0].decode("ascii", "replace"), parts[1])
        else:
            self._losses.count("malformed message", f"{len(parts)} parts on the control channel; expected 2")
