"""The hub's sockets: the contract's two, one for frame signals, one for the agents' questions."""

from collections.abc import Callable
from typing import Final

import zmq

from xr_ai_agent._hub.control_server import ControlServer
from xr_ai_agent._hub.publisher import Publisher
from xr_ai_agent._hub.refused_peers import RefusedPeers
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.bind import AddressLock, bind
from xr_ai_agent._net.curve import Gatekeeper, RemoteAccess, refuse_exposed, serve_curve
from xr_ai_agent._net.sockets import SocketReader, open_socket
from xr_ai_agent._wire import topics

# Small on purpose: a sender waits in its own process, so that a flush has little ahead of it.
_PULL_HWM_MESSAGES: Final = 128
# Per subscriber: 100 s of one audio stream. A subscriber this far behind loses the rest.
_PUB_HWM_MESSAGES: Final = 10_000
# Per subscriber: signals of the past are worth nothing, and who is behind is shown the newest anyway.
_VIDEO_HWM_MESSAGES: Final = 4_000
_CONTROL_HWM_MESSAGES: Final = 1_000
# Any single message; a peer that sends more is cut off by ZeroMQ before the memory is taken.
_MESSAGE_MAX_BYTES: Final = 64 * 2**20


class HubSockets:
    """Binds, reads and closes; what is said is `HubCore`'s affair."""

    def __init__(self, pull_addr: str, pub_addr: str, remote: RemoteAccess | None, losses: LossCounter) -> None:
        """Bind everything.

        Raises:
            AddressInUseError: another hub serves one of the addresses.
            InsecureAddressError: one could be reached from other machines without a key.
            KeyFileError: the keys of ``remote`` are missing or broken.
        """
        for address in (pull_addr, pub_addr):
            refuse_exposed(address)
        # Its own: who may connect is decided per context, and another hub of this process may decide otherwise.
        self._own_context = zmq.Context() if remote else None
        self._gatekeeper: Gatekeeper | None = None
        self._locks: list[AddressLock] = []
        self._sockets: list[zmq.Socket[bytes]] = []
        self._refused: list[RefusedPeers] = []
        self.addresses: dict[str, list[str]] = {}
        try:
            self._pull = self._open("pull", zmq.PULL, pull_addr, rcvhwm=_PULL_HWM_MESSAGES)
            pub = self._open("pub", zmq.XPUB, pub_addr, sndhwm=_PUB_HWM_MESSAGES)
            video = self._open("video", zmq.XPUB, _beside(pub_addr, "video"), sndhwm=_VIDEO_HWM_MESSAGES)
            control = self._open("control", zmq.ROUTER, _beside(pub_addr, "control"), sndhwm=_CONTROL_HWM_MESSAGES)
            for socket in (pub, video):
                socket.setsockopt(zmq.XPUB_VERBOSE, 1)
            control.setsockopt(zmq.ROUTER_MANDATORY, 1)
            if remote is not None:
                self._open_remote(remote, losses)
            self._watch_for_refused(losses, has_keys=remote is not None)
        except BaseException:
            self.close()
            raise
        self._on_pushed: Callable[[bytes], None] = lambda frame: None
        self._on_asked: Callable[[str, bytes], None] = lambda agent_id, frame: None
        self._on_inbox: Callable[[str, str, bool], None] = lambda owner, marker, is_open: None
        self._on_video_marker: Callable[[str, str], None] = lambda owner, marker: None
        self._pull_reader = SocketReader(self._pull, self._read_pushed, losses)
        self.pub = Publisher(pub, self._read_subscription, losses)
        self.video = Publisher(video, self._read_video_subscription, losses)
        self.control = ControlServer(control, lambda agent_id, frame: self._on_asked(agent_id, frame), losses)

    def connect(
        self,
        on_pushed: Callable[[bytes], None],
        on_asked: Callable[[str, bytes], None],
        on_inbox: Callable[[str, str, bool], None],
        on_video_marker: Callable[[str, str], None],
    ) -> None:
        """Say who hears what arrives."""
        self._on_pushed, self._on_asked = on_pushed, on_asked
        self._on_inbox, self._on_video_marker = on_inbox, on_video_marker

    # --- Outlets ---

    def publish(self, topic: bytes, frame: bytes) -> None:
        """Send on the contract's socket."""
        self.pub.send(topic, frame)

    def publish_video(self, topic: bytes, frame: bytes) -> None:
        """Send on the socket for frame signals."""
        self.video.send(topic, frame)

    def is_heard(self, topic: bytes) -> bool:
        """Whether anybody listens to a topic, on either socket."""
        return self.video.is_heard(topic) or self.pub.is_heard(topic)

    def answer(self, agent_id: str, *parts: bytes) -> None:
        """Send to one agent."""
        self.control.answer(agent_id, *parts)

    @property
    def video_addresses(self) -> tuple[str, ...]:
        """Where the socket for frame signals is."""
        return tuple(self.addresses["video"])

    @property
    def control_addresses(self) -> tuple[str, ...]:
        """Where agents ask."""
        return tuple(self.addresses["control"])

    # --- life ---

    def start(self) -> None:
        """Begin to read on the running loop."""
        for reader in (self._gatekeeper, self._pull_reader, self.pub, self.video, self.control):
            if reader is not None:
                reader.start()
        for refused in self._refused:
            refused.start()

    def stop(self) -> None:
        """Read no more; what waits stays in the sockets."""
        for reader in (self._pull_reader, self.pub, self.video, self.control):
            reader.stop()
        for refused in self._refused:
            refused.stop()

    def close(self) -> None:
        """Close everything and let other hubs have the addresses."""
        while self._refused:
            self._refused.pop().close()
        for socket in self._sockets:
            socket.close()
        if self._gatekeeper is not None:
            self._gatekeeper.close()
        for lock in self._locks:
            lock.release()
        if self._own_context is not None:
            self._own_context.term()

    def _open(self, name: str, kind: int, address: str, **high_water_marks: int) -> zmq.Socket[bytes]:
        socket = open_socket(kind, self._own_context)
        self._sockets.append(socket)
        socket.maxmsgsize = _MESSAGE_MAX_BYTES
        for option, value in high_water_marks.items():
            setattr(socket, option, value)
        self._locks.append(bind(socket, address))
        self.addresses[name] = [_last_endpoint(socket)]
        return socket

    def _open_remote(self, remote: RemoteAccess, losses: LossCounter) -> None:
        assert self._own_context is not None
        self._gatekeeper = Gatekeeper(remote, self._own_context, losses)
        for offset, (name, socket) in enumerate(
            zip(("pub", "pull", "video", "control"), self._in_port_order(), strict=True)
        ):
            serve_curve(socket, remote)
            self._locks.append(bind(socket, f"tcp://{remote.host}:{remote.port + offset if remote.port else '*'}"))
            self.addresses[name].append(_last_endpoint(socket))

    def _watch_for_refused(self, losses: LossCounter, *, has_keys: bool) -> None:
        for socket, addresses in zip(self._sockets, self.addresses.values(), strict=True):
            if any(address.startswith("tcp://") for address in addresses):
                self._refused.append(RefusedPeers(socket, losses, has_keys=has_keys))

    def _in_port_order(self) -> tuple[zmq.Socket[bytes], ...]:
        pull, pub, video, control = self._sockets
        return pub, pull, video, control

    def _read_pushed(self, parts: list[bytes]) -> None:
        self._on_pushed(parts[0] if len(parts) == 1 else b"")

    def _read_subscription(self, topic: bytes, is_open: bool) -> None:
        inbox = topics.parse_inbox(topic)
        if inbox is None:
            return
        endpoint_id, marker = inbox
        self._on_inbox(endpoint_id, marker, is_open)
        if not is_open and not marker:
            self.control.forget(endpoint_id)

    def _read_video_subscription(self, topic: bytes, is_open: bool) -> None:
        inbox = topics.parse_inbox(topic)
        if inbox is not None and is_open:
            self._on_video_marker(*inbox)


def _beside(address: str, name: str) -> str:
    """Return an address for a further socket: one that a person who sees the first recognises, or any free port."""
    if address.startswith("tcp://"):
        return address.rpartition(":")[0] + ":*"
    return f"{address}.{name}"


def _last_endpoint(socket: zmq.Socket[bytes]) -> str:
    return bytes(socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()
