"""ZeroMQ sockets on the event loop: drained in batches, no future per message."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable

import zmq

from xr_ai_agent._loss import LossCounter

# After so many messages everything else on the loop gets a turn: 256 take about 3 ms.
_BATCH_MESSAGES = 256

# As plain integers: arithmetic on enum members costs more than the call they are for.
_NOBLOCK, _EVENTS, _POLLIN = int(zmq.NOBLOCK), int(zmq.EVENTS), int(zmq.POLLIN)

# Time for the last messages of a closing endpoint to leave the process.
LINGER_MS = 500


def open_socket(kind: int, context: zmq.Context[zmq.Socket[bytes]] | None = None) -> zmq.Socket[bytes]:
    """Return a socket of the process' context, or of another one."""
    socket: zmq.Socket[bytes] = (context or zmq.Context.instance()).socket(kind)
    socket.linger = LINGER_MS
    return socket


def send_if_room(socket: zmq.Socket[bytes], frame: bytes) -> bool:
    """Queue a message if there is room; returns whether it was taken."""
    try:
        socket.send(frame, _NOBLOCK)
    except zmq.Again:
        return False
    return True


def _receive(socket: zmq.Socket[bytes]) -> list[bytes]:
    # A frame knows whether another part follows; asking the socket costs more than receiving the part.
    frame = socket.recv(_NOBLOCK, copy=False)
    parts = [frame.bytes]
    while frame.more:
        frame = socket.recv(_NOBLOCK, copy=False)
        parts.append(frame.bytes)
    return parts


def _descriptor(socket: zmq.Socket[bytes]) -> int:
    return int(socket.getsockopt(zmq.FD))


class SocketReader:
    """Calls ``handle`` with the parts of each message of a socket.

    ZeroMQ's descriptor is edge-triggered and any call on the socket may swallow its edge: call `check` after
    sending or subscribing on a socket that is also read.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        handle: Callable[[list[bytes]], None],
        losses: LossCounter,
        after_batch: Callable[[bool], None] | None = None,
    ) -> None:
        """``after_batch(drained)`` is called after each batch, with whether the socket is empty now."""
        self._socket = socket
        self._handle = handle
        self._losses = losses
        self._after_batch = after_batch
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_scheduled = False
        self._looks_soon = False

    def start(self) -> None:
        """Begin to read on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(_descriptor(self._socket), self._on_readable)
        self.check()

    def stop(self) -> None:
        """Stop reading; messages that wait stay in the socket."""
        if self._loop is not None:
            self._loop.remove_reader(_descriptor(self._socket))
            self._loop = None

    def check(self) -> None:
        """Look for messages soon, whether or not the descriptor says so."""
        if self._loop is not None and not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._drain)

    def check_swallowed(self) -> None:
        """As `check`, after each of many sends: once in the loop's next turn, and cheaper when nothing waits."""
        if self._loop is not None and not self._is_scheduled and not self._looks_soon:
            self._looks_soon = True
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        self._looks_soon = False
        if self._loop is not None and not self._is_scheduled and self._has_messages():
            self._drain()

    def _has_messages(self) -> bool:
        return bool(int(self._socket.getsockopt(_EVENTS)) & _POLLIN)

    def _on_readable(self) -> None:
        # One batch per turn of the loop: the next one may already be on its way.
        if not self._is_scheduled:
            self._drain()

    def _drain(self) -> None:
        self._is_scheduled = False
        drained = False
        socket, handle = self._socket, self._handle
        for number in range(_BATCH_MESSAGES):
            if self._loop is None:
                return
            # One is the rule: to ask costs half of what it costs to try in vain, but more than to go on.
            if number == 1 and not self._has_messages():
                drained = True
                break
            try:
                parts = _receive(socket)
            except zmq.Again:
                drained = True
                break
            try:
                handle(parts)
            except Exception as error:
                self._losses.count("message handler failed", repr(error), error=error, level=logging.ERROR)
        if self._after_batch is not None:
            self._after_batch(drained)
        if not drained:
            self.check()


class PushSender:
    """Sends on a PUSH or DEALER socket in order; a full queue makes the sender wait, and no hub not for ever."""

    def __init__(self, socket: zmq.Socket[bytes], losses: LossCounter) -> None:
        self._socket = socket
        self._losses = losses
        self._waiting: deque[tuple[bytes, asyncio.Future[bool]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopped = False

    def start(self) -> None:
        """Begin to notice on the running loop when the queue has room again."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(_descriptor(self._socket), self._send_waiting)

    def stop(self) -> None:
        """Give up what still waits for room, and refuse what comes later."""
        self._is_stopped = True
        if self._loop is not None:
            self._loop.remove_reader(_descriptor(self._socket))
            self._loop = None
        while self._waiting:
            _, future = self._waiting.popleft()
            if not future.done():
                future.set_result(False)

    def send_now(self, frame: bytes) -> bool:
        """Queue a message if there is room; returns whether it was taken."""
        return not self._is_stopped and not self._waiting and send_if_room(self._socket, frame)

    async def send(self, frame: bytes, what: str, timeout_s: float) -> bool:
        """Queue a message, waiting for room; False (counted and logged) when there was none in time."""
        if self.send_now(frame):
            return True
        if self._is_stopped:
            return False
        future = self._wait_in_line(frame)
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            self._losses.count(f"{what} lost", f"the hub took no messages for {timeout_s:g} s; is it running?")
            return False
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove((frame, future))

    async def send_surely(self, frame: bytes, patience_s: float) -> None:
        """Queue a message that is never given up; return when it is taken, or after ``patience_s`` at the latest."""
        if not self.send_now(frame) and not self._is_stopped:
            await asyncio.wait((self._wait_in_line(frame),), timeout=patience_s)

    def _wait_in_line(self, frame: bytes) -> asyncio.Future[bool]:
        if self._loop is None:
            self.start()
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((frame, future))
        return future

    def _send_waiting(self) -> None:
        # Reading EVENTS acknowledges the edge of the descriptor.
        if not int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLOUT:
            return
        while self._waiting:
            frame, future = self._waiting[0]
            if not send_if_room(self._socket, frame):
                return
            self._waiting.popleft()
            if not future.done():
                future.set_result(True)
