"""The LiveKit server as a child of the hub: private, watched, and never left behind."""

import asyncio
import ctypes
import ipaddress
import json
import logging
import os
import shutil
import signal
import socket
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xr_ai_program import StartupError
from xr_media_hub._errors import LiveKitServerDied
from xr_media_hub.transport.livekit._binary import find_server_binary
from xr_media_hub.transport.livekit._rooms import LiveKitAccess
from xr_media_hub.transport.livekit._server_lines import without_people

logger = logging.getLogger(__name__)
server_logger = logging.getLogger("livekit-server")

LOOPBACK = "127.0.0.1"
_READY_LIMIT_S = 30.0
_READY_POLL_S = 0.05
_DRAIN_LIMIT_S = 0.5
# The server waits for its participants on SIGTERM; the hub has told them already, so little is left to wait for.
_STOP_GRACE_S = 1.0
_LAST_LINES = 20
# Without an entry every client is sent to public STUN servers; on a network of one's own nobody outside needs to know.
_NO_STUN = f"{LOOPBACK}:65535"
_LINE_LIMIT_BYTES = 1 << 20
# The server prints whole session descriptions; their beginning says it all.
_SHOWN_CHARS = 400
_PR_SET_PDEATHSIG = 1
# Its warnings tell of every client that hangs up.
_LOUD_LEVELS = ("\tERROR\t", "\tFATAL\t", "panic:")


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """What one server run needs to know."""

    binary: Path | None
    api_key: str
    api_secret: str
    port_ws: int
    port_tcp: int
    port_udp: int
    node_ip: str

    @property
    def is_loopback(self) -> bool:
        """Whether media stays on this machine too."""
        return bool(self.node_ip) and ipaddress.ip_address(self.node_ip).is_loopback


class LiveKitServer:
    """Starts, watches and stops one livekit-server::

    server = await LiveKitServer.start(plan, access)
    await server.wait_dead()      # raises LiveKitServerDied when it exits by itself
    await server.stop()
    """

    def __init__(self, process: Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._reader = asyncio.create_task(self._read_output(), name="livekit-server output")
        self._stopping = False
        # From then on there may be people in what it prints.
        self._is_ready = False

    @classmethod
    async def start(cls, plan: ServerPlan, access: LiveKitAccess) -> "LiveKitServer":
        """Return a server that answers ``access``, that is on its port and with our secret.

        Raises:
            StartupError: no binary, a port is taken, or the server died or stayed silent while starting.
        """
        binary = find_server_binary(plan.binary)
        _check_ports_free(plan)
        folder = Path(tempfile.mkdtemp(prefix="xr-hub-livekit-"))
        try:
            config = _write_config(plan, folder)
            server = cls(await _spawn(binary, config), folder)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise StartupError(f"cannot run {binary}: {error.strerror or error}") from error
            raise
        try:
            await server._until_ready(plan, access)
        except BaseException:
            await server.stop()
            raise
        logger.info("LiveKit server answers on port %d (%s, pid %d)", plan.port_ws, binary, server.pid)
        return server

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid

    async def wait_dead(self) -> None:
        """Wait until the server exits.

        Raises:
            LiveKitServerDied: it did, and nobody asked for it.
        """
        code = await self._process.wait()
        if not self._stopping:
            await self._output_drained()
            raise LiveKitServerDied(f"the LiveKit server exited ({_exit_words(code)}); its last lines:\n{self._tail()}")

    async def stop(self) -> None:
        """End the server; safe to call again."""
        self._stopping = True
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_GRACE_S)
            except TimeoutError:
                self._kill()
            except asyncio.CancelledError:
                self._kill()
                raise
            finally:
                shutil.rmtree(self._folder, ignore_errors=True)
            await self._process.wait()
        self._reader.cancel()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _until_ready(self, plan: ServerPlan, access: LiveKitAccess) -> None:
        deadline = asyncio.get_running_loop().time() + _READY_LIMIT_S
        while asyncio.get_running_loop().time() < deadline:
            if self._process.returncode is not None:
                await self._output_drained()
                how = _exit_words(self._process.returncode)
                raise StartupError(f"the LiveKit server ended while starting ({how}):\n{self._tail()}")
            if await access.accepts_our_key():
                # The secret is in the server's memory now; on disk it serves nobody.
                shutil.rmtree(self._folder, ignore_errors=True)
                self._is_ready = True
                return
            await asyncio.sleep(_READY_POLL_S)
        raise StartupError(
            f"the LiveKit server did not answer on port {plan.port_ws} in {_READY_LIMIT_S:.0f} s:\n{self._tail()}"
        )

    async def _read_output(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while True:
            try:
                raw = await stream.readline()
            except ValueError:
                continue  # longer than the limit: the reader has dropped it
            if not raw:
                return
            line = raw.decode(errors="replace").rstrip()
            line = (without_people(line) if self._is_ready else line)[:_SHOWN_CHARS]
            self._last_lines.append(line)
            is_loud = any(mark in line for mark in _LOUD_LEVELS)
            server_logger.log(logging.WARNING if is_loud else logging.DEBUG, "%s", line)

    async def _output_drained(self) -> None:
        await asyncio.wait({self._reader}, timeout=_DRAIN_LIMIT_S)

    def _tail(self) -> str:
        return "\n".join(f"    {line}" for line in self._last_lines) or "    (it printed nothing)"


def _write_config(plan: ServerPlan, folder: Path) -> Path:
    path = folder / "livekit.yaml"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(server_config(plan), file)  # JSON is YAML, and quotes every value
    return path


def server_config(plan: ServerPlan) -> dict[str, Any]:
    """Return livekit-server's configuration: signalling on loopback only, rooms made by the hub alone."""
    rtc: dict[str, Any] = {
        # The server's TCP port listens on every interface whatever we say: with media on loopback it stays closed.
        "tcp_port": 0 if plan.is_loopback else plan.port_tcp,
        "udp_port": plan.port_udp,
        "use_external_ip": False,
        "stun_servers": [_NO_STUN],
        "enable_loopback_candidate": True,
    }
    if plan.node_ip:
        rtc["node_ip"] = plan.node_ip
    if plan.is_loopback:
        rtc["interfaces"] = {"includes": [_loopback_interface()]}
    return {
        "port": plan.port_ws,
        "bind_addresses": [LOOPBACK],
        "rtc": rtc,
        "keys": {plan.api_key: plan.api_secret},
        "room": {"auto_create": False},
        "turn": {"enabled": False},
        "logging": {"level": "info"},
    }


def _loopback_interface() -> str:
    return next((name for _, name in socket.if_nameindex() if name.startswith("lo")), "lo")


def _check_ports_free(plan: ServerPlan) -> None:
    wanted = [
        ("lk_port_ws", LOOPBACK, plan.port_ws, socket.SOCK_STREAM),
        ("lk_port_udp", LOOPBACK, plan.port_udp, socket.SOCK_DGRAM),
    ]
    if not plan.is_loopback:
        wanted.append(("lk_port_tcp", "", plan.port_tcp, socket.SOCK_STREAM))
    for key, host, port, kind in wanted:
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                if kind == socket.SOCK_STREAM:
                    probe.listen(1)
            except OSError as error:
                protocol = "tcp" if kind == socket.SOCK_STREAM else "udp"
                raise StartupError(
                    f"the LiveKit server cannot use {protocol} port {port}: {error.strerror or error}. Stop what "
                    f"holds it (`ss -anp 'sport = :{port}'` names it) or set another {key} in the configuration."
                ) from error


async def _spawn(binary: Path, config: Path) -> Process:
    return await asyncio.create_subprocess_exec(
        binary,
        "--config",
        config,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        limit=_LINE_LIMIT_BYTES,
        # A Ctrl-C of the terminal is for the hub, which then ends the server in its own order.
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()),
    )


def _die_with(parent_pid: int) -> Callable[[], None] | None:
    """Return what makes the child get SIGKILL when the hub dies, however it dies (Linux only)."""
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return None

    def apply() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:
            os._exit(1)  # the hub died between fork and here

    return apply


def _exit_words(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
