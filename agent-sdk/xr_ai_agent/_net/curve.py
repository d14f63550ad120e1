"""Keys for programs on different machines: CURVE key files, and the hub's check of who may connect."""

import contextlib
import ipaddress
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zmq
import zmq.auth

from xr_ai_agent._errors import InsecureAddressError, KeyFileError
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._net.sockets import SocketReader, open_socket

logger = logging.getLogger(__name__)

SERVER_KEY_ENV: Final = "XR_HUB_SERVER_KEY"
CLIENT_KEY_ENV: Final = "XR_HUB_CLIENT_KEY"

# Where ZeroMQ asks whether a peer may connect (its RFC 27).
_ZAP_ADDRESS: Final = "inproc://zeromq.zap.01"
_ZAP_REQUEST_PARTS: Final = 7
_SECRET_SUFFIX: Final = ".key_secret"
# A peer whose machine lost power or network says nothing: TCP alone would wait for many minutes.
HEARTBEAT_MS = 2_000
SILENCE_MAX_MS = 10_000


@dataclass(frozen=True, slots=True)
class RemoteAccess:
    """Lets agents and connectors on other machines reach a hub: four consecutive TCP ports, for known keys only.

    A key opens what any program on the hub's own machine may do: hear everybody, speak to and for everybody.
    ``port`` is where they subscribe, ``port + 1`` where they push; the other two are announced (0: any free ports).
    ``server_key`` is a secret key file (made on first use, with its public half beside it, to be given to the others);
    ``client_keys`` a folder of the public keys of those that may connect, read anew for each connection.
    """

    server_key: Path
    client_keys: Path
    host: str = "0.0.0.0"
    port: int = 7900


@dataclass(frozen=True, slots=True)
class CurveKeys:
    """The keys of an agent or connector: its own secret key file, and the public key file of the hub."""

    client_key: Path
    server_key: Path

    @classmethod
    def from_environment(cls) -> "CurveKeys | None":
        """Return the keys that ``XR_HUB_CLIENT_KEY`` and ``XR_HUB_SERVER_KEY`` name, or None if neither is set.

        Raises:
            KeyFileError: only one of them is set.
        """
        client, server = os.environ.get(CLIENT_KEY_ENV), os.environ.get(SERVER_KEY_ENV)
        if client and server:
            return cls(Path(client), Path(server))
        if client or server:
            given, missing = (CLIENT_KEY_ENV, SERVER_KEY_ENV) if client else (SERVER_KEY_ENV, CLIENT_KEY_ENV)
            what = "the hub's public .key file" if client else "this program's own .key_secret file"
            raise KeyFileError(f"{missing}: not set, and {given} is; it has to name {what}")
        return None

    @classmethod
    def for_address(cls, address: str) -> "CurveKeys | None":
        """Return the keys of the environment for an address of TCP, None for any other. Raises KeyFileError."""
        return cls.from_environment() if address.startswith("tcp://") else None

    def apply(self, socket: zmq.Socket[bytes]) -> None:
        """Let a socket prove who it is when it connects. Raises KeyFileError."""
        public, secret = load_key_pair(self.client_key)
        socket.curve_publickey, socket.curve_secretkey = public, secret
        socket.curve_serverkey = _load(self.server_key)[0]
        _notice_silence(socket)


def _notice_silence(socket: zmq.Socket[bytes]) -> None:
    socket.heartbeat_ivl = HEARTBEAT_MS
    socket.heartbeat_timeout = SILENCE_MAX_MS


def create_key_pair(path: Path) -> Path:
    """Make ``NAME.key_secret`` (0600) and ``NAME.key`` beside it; returns the public file.

    Raises:
        KeyFileError: the path does not end in ``.key_secret``.
    """
    if path.suffix != _SECRET_SUFFIX:
        raise KeyFileError(f"{path}: expected a name that ends in {_SECRET_SUFFIX}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    previous = os.umask(0o077)
    try:
        public, _ = zmq.auth.create_certificates(path.parent, path.stem)
    finally:
        os.umask(previous)
    return Path(public)


def load_key_pair(path: Path) -> tuple[bytes, bytes]:
    """Return (public, secret) of a secret key file. Raises KeyFileError."""
    public, secret = _load(path)
    if secret is None:
        raise KeyFileError(f"{path}: holds no secret key; expected the {_SECRET_SUFFIX} file of a pair")
    return public, secret


def _load(path: Path) -> tuple[bytes, bytes | None]:
    try:
        public, secret = zmq.auth.load_certificate(path)
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path}: cannot be read as a CURVE key file: {error}") from error
    return public, secret


def serve_curve(socket: zmq.Socket[bytes], access: RemoteAccess) -> None:
    """Demand a key of whoever connects to what is bound from now on. Raises KeyFileError."""
    if not access.server_key.exists():
        create_key_pair(access.server_key)
        logger.info("made a key pair for this hub; agents need %s", access.server_key.with_suffix(".key"))
    socket.curve_publickey, socket.curve_secretkey = load_key_pair(access.server_key)
    socket.curve_server = True
    _notice_silence(socket)


def refuse_exposed(address: str) -> None:
    """Accept an address that only this machine, and of its users only this one, can reach.

    Raises:
        InsecureAddressError: others could, and nothing would keep them out.
    """
    if address.startswith("ipc://@"):
        raise InsecureAddressError(
            f"{address}: an abstract name has no permissions, every user of this machine could listen in and speak; "
            "use a path"
        )
    if not address.startswith("tcp://"):
        return
    host = address.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    with contextlib.suppress(ValueError):
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            return
    raise InsecureAddressError(
        f"{address}: every machine on the network could listen in and speak; bind 127.0.0.1, or give the hub "
        "remote=RemoteAccess(…), which admits agents by their CURVE keys"
    )


class Gatekeeper:
    """Admits the clients whose public key lies in a folder."""

    def __init__(self, access: RemoteAccess, context: zmq.Context[zmq.Socket[bytes]], losses: LossCounter) -> None:
        """Answer for a context's sockets.

        Raises:
            KeyFileError: the folder of client keys is missing.
        """
        if not access.client_keys.is_dir():
            raise KeyFileError(f"{access.client_keys}: expected a folder with the public keys of the agents")
        self._folder = access.client_keys
        self._losses = losses
        self._socket = open_socket(zmq.REP, context)
        self._socket.bind(_ZAP_ADDRESS)
        self._reader = SocketReader(self._socket, self._on_request, losses)

    def start(self) -> None:
        """Begin to answer on the running loop; until then nobody is admitted."""
        self._reader.start()

    def close(self) -> None:
        """Admit nobody any more."""
        self._reader.stop()
        self._socket.close(linger=0)

    def _on_request(self, parts: list[bytes]) -> None:
        admitted, key = False, b""
        if len(parts) == _ZAP_REQUEST_PARTS and parts[5] == b"CURVE":
            key = zmq.utils.z85.encode(parts[6])
            admitted = key in self._known_keys()
        version, request_id = [*parts, b"", b""][:2]
        verdict = (b"200", b"OK") if admitted else (b"400", b"unknown key")
        if not admitted:
            self._losses.count("unknown key refused", f"{key.decode('ascii', 'replace')}: not in {self._folder}")
        self._socket.send_multipart([version, request_id, *verdict, key if admitted else b"", b""])
        self._reader.check_swallowed()

    def _known_keys(self) -> set[bytes]:
        keys = set()
        for path in self._folder.glob("*.key"):
            try:
                keys.add(_load(path)[0])
            except KeyFileError as error:
                self._losses.count("client key unreadable", error)
        return keys
