"""READY: said once the hub can be used by everybody, and not a moment before."""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.agents import running_agent
from kit.hub import HubProcess, get_json
from kit.participants import Client

pytestmark = pytest.mark.anyio

LIMIT_S = 60.0
READY = b"READY=1"


async def test_ready_is_said_when_everybody_can_use_the_hub_and_not_before(
    make_hub: Callable[..., HubProcess], livekit_binary: Path, tmp_path: Path
) -> None:
    """The media server is held up at a gate; whatever the hub says meanwhile, it is not that it is ready."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    program = tmp_path / "livekit-server"
    program.write_text(f'#!/bin/sh\nread -r _ < {gate}\nexec {livekit_binary} "$@"\n')
    program.chmod(0o755)
    hub = make_hub()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(LIMIT_S)
        hub.environment |= {"LIVEKIT_SERVER_BIN": str(program), "NOTIFY_SOCKET": str(tmp_path / "notify")}
        hub.start()
        door = await asyncio.to_thread(gate.open, "w")  # opens as soon as the server is started
        await asyncio.to_thread(_until_asked, int(hub.config["lk_port_ws"]), 3)
        said = [notify.recv(4096)]
        notify.setblocking(False)
        with pytest.raises(BlockingIOError):
            notify.recv(4096)
        notify.settimeout(LIMIT_S)
        assert not (hub.folder / "ready").exists()
        door.write("\n")
        door.close()
        while not said[-1].startswith(READY):
            said.append(await asyncio.to_thread(notify.recv, 4096))
    assert said[0] == b"STATUS=starting the LiveKit server"
    assert (hub.folder / "ready").exists()

    # From here on nothing is tried twice.
    status, admission = await get_json(f"{hub.url}/token", params={"identity": "early"})
    assert status == 200
    client = await Client().join(admission["url"], admission["token"])
    async with running_agent(hub) as agent:
        await agent.endpoint.wait_connected()
    await client.leave()
    assert (await get_json(f"{hub.url}/health"))[1]["status"] == "ok"
    assert await asyncio.to_thread(hub.stop) == 0


def _until_asked(port: int, times: int) -> None:
    """Stand where the media server will, until the hub has asked for it some times: it waits, and for nothing else."""
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(LIMIT_S)
        for _ in range(times):
            server.accept()[0].close()
