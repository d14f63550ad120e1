"""A camera through LiveKit and a whole hub to an agent, beside a plain LiveKit subscriber of the same track."""

from __future__ import annotations

import math
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from child import Child
from figures import Figure, least, most
from hub_process import RunningHub, running_hub
from hub_slices import progress
from livekit import api

__all__ = ("camera_rows", "measure_camera")

_PART = "camera"
_PEER = Path(__file__).with_name("camera_peer.py")
_FPS = 30
_SECRET = "s" * 32
_SLICE_S = 3.0
_SETTLING_S = 25.0
_WARM_UP_S, _START_LIMIT_S, _POLL_S = 3.0, 60.0, 0.2
_CPU_MUST_PERCENT = 16.0
# A plain subscriber that gets every frame took 14.2 % where the bound was set.
_CPU_MUST_RATIO = 1.13
_ADDED_MUST_MS = 1.0
_RATE_MUST_RATIO = 0.97
_BASE = "plain subscriber"
_Window = dict[str, Any]


def measure_camera(*, is_quick: bool) -> list[Figure]:
    """One 720p30 camera (VP8, 2 Mb/s) seen by an agent that fetches every frame and by a plain subscriber at once.

    Every process is one of its own; LiveKit's server is not in the hub's figure. In half of the windows the agent gets
    pixels of its own, as ``request_frame`` gives them unless told otherwise; of the others, in which it reads in place,
    there is one row. Processor time is per frame that was seen, times 30. A machine that is too busy for three codecs
    at once drops frames, for both; what the agent got is judged beside what the subscriber got.

    Each frame carries its number, so that both see the same one: the time from its capture is compared frame by frame,
    once the jitter buffers have settled (two plain subscribers of one track differ by up to 3 ms before). What hub and
    agent add is measured without that as well: from when LiveKit's library gives a frame to the hub, which is when a
    plain subscriber has it.
    """
    windows: dict[bool, list[_Window]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as name, _everybody(Path(name)) as (hub, peers):
        _until_seen(peers)
        progress("camera: jitter buffers settle")
        time.sleep(_SETTLING_S)
        for number in range(count := 3 if is_quick else 8):
            progress(f"camera: {number + 1} of {count}")
            for is_copied in (True, False) if number % 2 == 0 else (False, True):
                peers["agent"]("fetch", copied=is_copied)
                windows[is_copied].append(_window(hub, peers))
    return camera_rows(windows[True], windows[False])


def _window(hub: RunningHub, peers: dict[str, Child]) -> _Window:
    for peer in peers.values():
        peer("take")
    before_s = {"hub": hub.cpu_s(), **{name: peer.cpu_s() for name, peer in peers.items()}}
    began_s = time.monotonic()
    time.sleep(_SLICE_S)
    used_s = {name: peer.cpu_s() - before_s[name] for name, peer in peers.items()}
    used_s["hub"] = hub.cpu_s() - before_s["hub"]
    seen = {name: peer("take") for name, peer in peers.items()}
    return {"used_s": used_s, "seen": seen, "seconds": time.monotonic() - began_s}


def camera_rows(copied: list[_Window], in_place: list[_Window]) -> list[Figure]:
    """Return the table's rows of the windows with pixels of the agent's own, and of those in which it read in place."""
    cpu = most(_CPU_MUST_PERCENT, or_ratio=_CPU_MUST_RATIO)
    height = statistics.median(window["seen"]["agent"]["height"] for window in copied)
    plain = [_percent(window, "subscriber", "subscriber") for window in copied]
    hub, agent = ([_percent(window, each, "agent") for window in copied] for each in ("hub", "agent"))
    got, beside, sent = ([_rate(window, each) for window in copied] for each in ("agent", "subscriber", "publisher"))
    return [
        Figure(_PART, "hub CPU per 720p30, agent fetches all", "%", hub, plain, _BASE, cpu),
        Figure(_PART, "agent CPU per 720p30, fetches all", "%", agent, plain, _BASE),
        _passing("frame given to the hub → pixels", copied),
        _passing("frame given to the hub → pixels read in place", in_place),
        _latency("capture → pixels", copied),
        _latency("capture → pixels read in place", in_place),
        Figure(_PART, "frames that the agent got", "/s", got, beside, _BASE, least(_RATE_MUST_RATIO, "ratio")),
        Figure(_PART, f"frames that the agent got (of {height:.0f} lines)", "/s", got, sent, "captured"),
    ]


def _latency(name: str, windows: list[_Window]) -> Figure:
    pairs = [pair for window in windows for pair in _latencies(window)]
    ours, plain = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return Figure(_PART, name, "ms", ours, plain, _BASE, most(_ADDED_MUST_MS, "added"))


def _passing(name: str, windows: list[_Window]) -> Figure:
    passing = [window["seen"]["agent"]["passing_ms"] for window in windows]
    return Figure(_PART, name, "ms", [statistics.median(each or [math.inf]) for each in passing])


def _percent(window: _Window, process: str, seer: str) -> float:
    """Return the share of a core at 30 frames/s; without a frame there is none that would do."""
    frames = len(window["seen"][seer]["times_ms"])
    return 100 * _FPS * float(window["used_s"][process]) / frames if frames else math.inf


def _rate(window: _Window, seer: str) -> float:
    return float(len(window["seen"][seer]["times_ms"]) / window["seconds"])


def _latencies(window: _Window) -> list[tuple[float, float]]:
    captured, agent, plain = (window["seen"][each]["times_ms"] for each in ("publisher", "agent", "subscriber"))
    return [
        (agent[number] - at_ms, plain[number] - at_ms)
        for number, at_ms in captured.items()
        if number in agent and number in plain
    ]


@contextmanager
def _everybody(folder: Path) -> Iterator[tuple[RunningHub, dict[str, Child]]]:
    with ExitStack() as stack:
        hub = stack.enter_context(running_hub(folder, api_secret=_SECRET))
        agent = stack.enter_context(_peer("agent", hub.ipc["sub_addr"], hub.ipc["push_addr"]))
        publisher = stack.enter_context(_peer("publisher", hub.url))
        url = f"ws://127.0.0.1:{hub.config['lk_port_ws']}"
        subscriber = stack.enter_context(_peer("subscriber", url, _token(_room_of(hub, url))))
        yield hub, {"agent": agent, "publisher": publisher, "subscriber": subscriber}


def _peer(role: str, *arguments: str) -> Child:
    return Child(_PEER, role, *arguments, stderr=subprocess.DEVNULL)


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


def _until_seen(peers: dict[str, Child]) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline:
        time.sleep(_WARM_UP_S)  # codecs settle as well
        if min([len(peer("take")["times_ms"]) for peer in peers.values()]):
            return
    raise RuntimeError("not everybody sees the camera")
