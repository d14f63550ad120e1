"""Counting peers whose keys do not fit: they are turned away before it is known who they are."""

import zmq

from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.handshakes import BROKEN, MISMATCH, UNDECIPHERABLE, HandshakeMonitor


class RefusedPeers:
    """Watches one socket of a hub that is reached by TCP. (A key that is not known is the gatekeeper's to count.)"""

    def __init__(self, socket: zmq.Socket[bytes], losses: LossCounter, *, has_keys: bool) -> None:
        self._has_keys = has_keys
        self._losses = losses
        self._monitor = HandshakeMonitor(socket, BROKEN, self._on_end, losses)
        self.start = self._monitor.start
        self.stop = self._monitor.stop
        self.close = self._monitor.close

    def _on_end(self, _: int, detail: int) -> None:
        if detail == UNDECIPHERABLE:
            self._losses.count("peer with the key of another hub refused", "it has to copy this hub's public key again")
        elif detail == MISMATCH and self._has_keys:
            self._losses.count("peer without a key refused", "this hub admits only known keys from other machines")
        elif detail == MISMATCH:
            self._losses.count("peer with a key refused", "this hub serves this machine, and without keys")
