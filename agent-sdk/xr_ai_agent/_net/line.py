"""A socket that connects to a hub, which may come later, go, come back, or refuse who connects."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import zmq

from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.curve import CurveKeys
from xr_ai_agent._net.refusal import RefusalWatch, connect_watched
from xr_ai_agent._net.sockets import SocketReader, send_if_room

Handler = Callable[[list[bytes]], None]


class Line:
    """One connected socket, and what goes with it; made by `Dialer.dial`."""

    def __init__(
        self, socket: zmq.Socket[bytes], reader: SocketReader | None = None, refusal: RefusalWatch | None = None
    ) -> None:
        self.socket = socket
        self.is_closed = False
        self._reader = reader
        self._refusal = refusal

    def start(self) -> None:
        """Begin to read on the running loop, and to notice there that the hub refuses us."""
        if self._reader is not None:
            self._reader.start()
        if self._refusal is not None:
            self._refusal.start()

    def stop(self) -> None:
        """Read no more; what comes waits in the socket."""
        if self._reader is not None:
            self._reader.stop()

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._refusal is not None:
            self._refusal.close()
        self.stop()
        self.socket.close()

    def subscribe(self, topic: bytes) -> None:
        """Receive a topic, unless closed."""
        if not self.is_closed:
            self.socket.subscribe(topic)
            self._check()

    def unsubscribe(self, topic: bytes) -> None:
        """Receive a topic no more."""
        if not self.is_closed:
            self.socket.unsubscribe(topic)
            self._check()

    def send_now(self, frame: bytes) -> bool:
        """Queue a message if there is room; returns whether it was taken."""
        is_taken = send_if_room(self.socket, frame)
        if is_taken and self._reader is not None:
            self._reader.check_swallowed()
        return is_taken

    def _check(self) -> None:
        if self._reader is not None:
            self._reader.check()


@dataclass(frozen=True)
class Dialer:
    """Connects sockets to one hub."""

    keys: CurveKeys | None
    """With which this program shows who it is; None on the hub's own machine."""
    losses: LossCounter

    def dial(
        self,
        socket: zmq.Socket[bytes],
        address: str,
        handle: Handler | None = None,
        after_batch: Callable[[bool], None] | None = None,
    ) -> Line:
        """Connect a socket, which is the line's from now on; ``handle`` and ``after_batch`` as in `SocketReader`.

        Raises:
            KeyFileError: a key file is missing or holds no key.
            zmq.ZMQError: there is no such address.
        """
        try:
            refusal = connect_watched(socket, address, self.keys, self.losses)
        except BaseException:
            socket.close()
            raise
        reader = None if handle is None else SocketReader(socket, handle, self.losses, after_batch)
        return Line(socket, reader, refusal)


class AnnouncedLine(ABC):
    """A line to an address that a hub announces, opened when it does."""

    def __init__(self, handle: Handler, dialer: Dialer) -> None:
        self._handle = handle
        self._dialer = dialer
        self._line: Line | None = None
        self._address = ""

    def open(self, address: str) -> None:
        """Connect; a hub that restarted at the same address is found by ZeroMQ itself. Raises ZMQError."""
        if address == self._address:
            return
        self.close()
        self._line = self._dialer.dial(self._new_socket(), address, self._handle)
        self._address = address
        self._line.start()

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        if self._line is not None:
            self._line.close()
        self._line = None
        self._address = ""

    @abstractmethod
    def _new_socket(self) -> zmq.Socket[bytes]:
        """Return a socket to connect."""
