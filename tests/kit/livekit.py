"""A LiveKit server that is not a hub's child."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from livekit import api

import yaml
from kit.stack import ROOT
from xr_ai_launcher.testing import wait_for

__all__ = ("LiveKitServer", "find_livekit")


def find_livekit() -> Path:
    """The server the tests run: from the environment, PATH, or what the project's setup has put into deps.

    Raises:
        AssertionError: there is none.
    """
    named = os.environ.get("LIVEKIT_SERVER_BIN") or shutil.which("livekit-server")
    candidates = [Path(named)] if named else []
    candidates += [ROOT / "deps" / "livekit-server" / name for name in ("server", "livekit-server")]
    found = next((path for path in candidates if path.is_file()), None)
    assert found, f"no livekit-server: set LIVEKIT_SERVER_BIN or run `make setup` (looked at {candidates})"
    return found.resolve()


class LiveKitServer:
    """One server on loopback ports, and the key to its rooms; not started."""

    def __init__(
        self, binary: Path, folder: Path, *, port: int, udp_port: int, key: str, secret: str, makes_rooms: bool
    ) -> None:
        self.url = f"ws://127.0.0.1:{port}"
        self._binary = binary
        self._folder = folder
        self._port = port
        self._key, self._secret = key, secret
        self._process: subprocess.Popen[bytes] | None = None
        config = {
            "port": port,
            "bind_addresses": ["127.0.0.1"],
            "keys": {key: secret},
            "rtc": {"udp_port": udp_port, "tcp_port": 0, "node_ip": "127.0.0.1", "enable_loopback_candidate": True},
            "room": {"auto_create": makes_rooms},
        }
        (folder / "livekit.yaml").write_text(yaml.safe_dump(config))

    def token(self, identity: str, room: str) -> str:
        """What lets somebody into a room."""
        grants = api.VideoGrants(room_join=True, room=room)
        return api.AccessToken(self._key, self._secret).with_identity(identity).with_grants(grants).to_jwt()

    def start(self) -> None:
        """Start it, or start it again, and return once it listens."""
        log = self._folder / "livekit.log"
        with log.open("ab") as output:
            command = [self._binary, "--config", self._folder / "livekit.yaml"]
            self._process = process = subprocess.Popen(command, stdout=output, stderr=output)
        wait_for(lambda: self._is_open() or process.poll() is not None, "LiveKit listens")
        assert process.poll() is None, log.read_text(errors="replace")

    def kill(self) -> None:
        """End it without last words: it would wait for ghosts of participants."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def suspend(self) -> None:
        """Let it hang until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _is_open(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self._port)) == 0
