"""A camera through LiveKit and a whole hub to an agent, beside a plain LiveKit subscriber of the same track."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
from figures import Figure, most
from hub_process import RunningHub, running_hub
from hub_slices import progress
from livekit import api

__all__ = ("measure_camera",)

_PART = "camera"
_PEER = Path(__file__).with_name("camera_peer.py")
_FPS = 30
_SECRET = "s" * 32
_SLICE_S = 3.0
_WARM_UP_S, _START_LIMIT_S, _POLL_S, _END_LIMIT_S = 3.0, 60.0, 0.2, 10.0
_CPU_MUST_PERCENT = 16.0
# A plain subscriber that gets every frame took 14.2 % where the bound was set.
_CPU_MUST_RATIO = 1.13
_ADDED_MUST_MS = 1.0
_BASE = "plain subscriber"


def measure_camera(*, is_quick: bool) -> list[Figure]:
    """One 720p30 camera (VP8, 2 Mb/s) seen by an agent that fetches every frame and by a plain subscriber at once.

    Every process is one of its own; LiveKit's server is not in the hub's figure. Processor time is per frame that was
    seen, times 30. Each frame carries its number, so that both see the same one: the time from its capture is compared
    frame by frame. A machine that is too busy for three codecs at once drops frames; the row of the rate says so.
    """
    windows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name, _everybody(Path(name)) as (hub, peers):
        _until_seen(peers)
        for number in range(count := 3 if is_quick else 12):
            progress(f"camera: {number + 1} of {count}")
            windows.append(_window(hub, peers))
    return _rows(windows)


def _window(hub: RunningHub, peers: dict[str, _Peer]) -> dict[str, Any]:
    for peer in peers.values():
        peer.take()
    before_s = {"hub": hub.cpu_s(), **{name: peer.cpu_s() for name, peer in peers.items()}}
    began_s = time.monotonic()
    time.sleep(_SLICE_S)
    used_s = {name: peer.cpu_s() - before_s[name] for name, peer in peers.items()}
    used_s["hub"] = hub.cpu_s() - before_s["hub"]
    seen = {name: peer.take() for name, peer in peers.items()}
    return {"used_s": used_s, "seen": seen, "seconds": time.monotonic() - began_s}


def _rows(windows: list[dict[str, Any]]) -> list[Figure]:
    whole = [window for window in windows if all(seen["times_ms"] for seen in window["seen"].values())]
    plain = [_percent(window, "subscriber", "subscriber") for window in whole]
    frames = [pair for window in windows for pair in _latencies(window)]
    rates, sent = ([_rate(window, name) for window in windows] for name in ("agent", "publisher"))
    height = statistics.median(window["seen"]["agent"]["height"] for window in windows)
    cpu = most(_CPU_MUST_PERCENT, or_ratio=_CPU_MUST_RATIO)
    added = most(_ADDED_MUST_MS, "added")
    hub = [_percent(window, "hub", "agent") for window in whole]
    agent = [_percent(window, "agent", "agent") for window in whole]
    return [
        Figure(_PART, "hub CPU per 720p30, agent fetches all", "%", hub, plain, _BASE, cpu),
        Figure(_PART, "agent CPU per 720p30, fetches all", "%", agent, plain, _BASE),
        Figure(_PART, "capture → pixels", "ms", [p[0] for p in frames], [p[1] for p in frames], _BASE, added),
        Figure(_PART, f"frames that the agent got (of {height:.0f} lines)", "/s", rates, sent, "captured"),
    ]


def _percent(window: dict[str, Any], process: str, seer: str) -> float:
    """Return the share of a core at 30 frames/s."""
    return float(100 * _FPS * window["used_s"][process] / len(window["seen"][seer]["times_ms"]))


def _rate(window: dict[str, Any], seer: str) -> float:
    return float(len(window["seen"][seer]["times_ms"]) / window["seconds"])


def _latencies(window: dict[str, Any]) -> list[tuple[float, float]]:
    captured, agent, plain = (window["seen"][each]["times_ms"] for each in ("publisher", "agent", "subscriber"))
    return [
        (agent[number] - at_ms, plain[number] - at_ms)
        for number, at_ms in captured.items()
        if number in agent and number in plain
    ]


@contextmanager
def _everybody(folder: Path) -> Iterator[tuple[RunningHub, dict[str, _Peer]]]:
    with ExitStack() as stack:
        hub = stack.enter_context(running_hub(folder, api_secret=_SECRET))
        agent = stack.enter_context(_Peer("agent", hub.ipc["sub_addr"], hub.ipc["push_addr"]))
        publisher = stack.enter_context(_Peer("publisher", hub.url))
        url = f"ws://127.0.0.1:{hub.config['lk_port_ws']}"
        subscriber = stack.enter_context(_Peer("subscriber", url, _token(_room_of(hub, url))))
        yield hub, {"agent": agent, "publisher": publisher, "subscriber": subscriber}


def _room_of(hub: RunningHub, url: str) -> str:
    """Return the only room there is, once there is one."""
    grants = api.VideoGrants(room_list=True)
    token = api.AccessToken("xr-hub", _SECRET).with_grants(grants).to_jwt()
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline:
        reply = httpx2.post(
            f"{url.replace('ws', 'http', 1)}/twirp/livekit.RoomService/ListRooms",
            json={},
            headers={"Authorization": f"Bearer {token}"},
        )
        rooms = reply.raise_for_status().json().get("rooms", [])
        if rooms:
            return str(rooms[0]["name"])
        time.sleep(_POLL_S)
    raise RuntimeError("the filmed participant got no room")


def _token(room: str) -> str:
    """Sign a token for an onlooker whom neither the room nor the hub counts."""
    grants = api.VideoGrants(room_join=True, room=room, can_publish=False, can_subscribe=True, hidden=True)
    token = api.AccessToken("xr-hub", _SECRET).with_identity("onlooker").with_kind("agent")
    return token.with_grants(grants).to_jwt()


def _until_seen(peers: dict[str, _Peer]) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline:
        time.sleep(_WARM_UP_S)  # codecs settle as well
        if min([len(peer.take()["times_ms"]) for peer in peers.values()]):
            return
    raise RuntimeError("not everybody sees the camera")


class _Peer:
    """One process of camera_peer.py."""

    def __init__(self, role: str, *arguments: str) -> None:
        self._role = role
        self._process = subprocess.Popen(
            [sys.executable, str(_PEER), role, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._times = psutil.Process(self._process.pid)

    def __enter__(self) -> _Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(_END_LIMIT_S)

    def take(self) -> dict[str, Any]:
        """Return what it has seen since the last time."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("take\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or '{"error": "it ended"}')
        if "error" in answer:
            raise RuntimeError(f"{self._role}: {answer['error']}")
        return answer

    def cpu_s(self) -> float:
        """Return its processor time so far."""
        times = self._times.cpu_times()
        return float(times.user + times.system)
