"""Agents on other machines: programs of their own, over TCP, with a key that the hub knows or with another one."""

import asyncio
import ipaddress
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kit.hub import health_until
from kit.processes import own_ports

from xr_ai_program.testing import eventually
from xr_media_hub import _make_keys

pytestmark = pytest.mark.anyio

# Says on stdout what it gets, answers data, and looks at the first picture.
AGENT = """
import asyncio, json, sys
from xr_ai_agent import DataMessage, ParticipantEvent, ProcessorEndpoint, hub_addresses
pub, pull = hub_addresses()
hub = ProcessorEndpoint(sub_addr=pub, push_addr=pull)
seen = set()
def tell(kind, **what):
    print(json.dumps({"kind": kind, **what}), flush=True)
async def answer(message):
    tell("data", who=message.participant_id, text=message.data.decode())
    await hub.send_return_data(DataMessage(message.participant_id, "agent.response", 0, b"from afar"))
async def look(signal):
    frame = None if signal.participant_id in seen else await hub.request_frame(signal, timeout=10)
    if frame is not None and signal.participant_id not in seen:
        seen.add(signal.participant_id)
        tell("picture", size=[frame.width, frame.height], luma=frame.data[len(frame.data) // 3])
hub.on_data(answer)
hub.on_frame(look)
hub.on_participant(lambda event: tell("event", who=event.participant_id, joined=event.joined))
async def main():
    running = asyncio.create_task(hub.run())
    # Whoever is not admitted is not heard either.
    await hub.send_return_data(DataMessage("alice", "agent.response", 0, b"at once"))
    tell("started")
    await running
asyncio.run(main())
"""


@dataclass
class Place:
    """Where the hub listens, and the words before a command that runs it where agents are."""

    host: str
    elsewhere: tuple[str, ...] = ()


@pytest.fixture(params=["loopback", "another network"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "loopback":
        yield Place("127.0.0.1")
        return
    name = f"xr{secrets.token_hex(3)}"
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        if b"Operation not permitted" not in error.stderr and b"Permission denied" not in error.stderr:
            raise
        pytest.skip(f"the kernel lets this user make no network namespace: {error.stderr.decode().strip()}")
    try:
        _ip("link", "add", name, "type", "veth", "peer", "name", "hub0", "netns", name)
        # Of 2^14 such pairs: somebody else may run these tests here as well.
        pair = f"10.213.{secrets.randbelow(256)}.{4 * secrets.randbelow(64)}"
        ours, theirs = (str(ipaddress.ip_address(pair) + number) for number in (1, 2))
        _ip("addr", "add", f"{ours}/30", "dev", name)
        _ip("link", "set", name, "up")
        _ip("-n", name, "addr", "add", f"{theirs}/30", "dev", "hub0")
        _ip("-n", name, "link", "set", "hub0", "up")
        yield Place(ours, ("ip", "netns", "exec", name))
    finally:
        _ip("netns", "del", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class RemoteAgent:
    """An agent program somewhere else, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.said: list[dict[str, Any]] = []
        self._process = process
        self._reading = asyncio.create_task(self._read())

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.said if each["kind"] == kind]

    async def stop(self) -> None:
        self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.said.append(json.loads(line))


@asynccontextmanager
async def remote_agent(hub: Any, place: Place, keys: _make_keys.AgentKeys | None) -> AsyncIterator[RemoteAgent]:
    port = hub.config["remote"]["port"]
    environment = os.environ | {
        "XR_HUB_PUB": f"tcp://{place.host}:{port}",
        "XR_HUB_IN": f"tcp://{place.host}:{port + 1}",
    }
    if keys is not None:
        environment |= {"XR_HUB_CLIENT_KEY": str(keys.secret), "XR_HUB_SERVER_KEY": str(keys.hub)}
    command = [*place.elsewhere, sys.executable, "-c", AGENT]
    agent = RemoteAgent(await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment))
    try:
        yield agent
    finally:
        await agent.stop()


async def test_an_agent_elsewhere_works_with_its_key_and_gets_nothing_without(
    make_hub: Callable[..., Any], join: Callable[..., Any], place: Place, tmp_path: Path
) -> None:
    worker, robot = _make_keys.make_keys(tmp_path / "keys", ["worker", "robot"])
    (stranger,) = _make_keys.make_keys(tmp_path / "elsewhere", ["worker"])
    shutil.copy(worker.hub, stranger.hub)  # knows the hub, and is not known to it
    remote = {
        "enabled": True,
        "host": place.host,
        "port": own_ports(4),
        "server_key": str(tmp_path / "keys" / "hub.key_secret"),
        "client_keys": str(tmp_path / "keys" / "agents"),
    }
    hub = make_hub(remote=remote)
    await asyncio.to_thread(lambda: hub.start().wait_ready())
    alice = await join(hub, "alice")
    await alice.publish_colour(luma=200)

    async with (
        remote_agent(hub, place, worker) as known,
        remote_agent(hub, place, stranger) as unknown,
        remote_agent(hub, place, None) as keyless,
    ):
        await eventually(lambda: known.of("picture") and unknown.of("started") and keyless.of("started"), within_s=60)
        assert known.of("picture")[0] == {"kind": "picture", "size": [320, 240], "luma": pytest.approx(200, abs=8)}
        await alice.send(b"hello out there")
        await eventually(lambda: (("agent.response", b"from afar", "xr-hub-connector")) in alice.data, within_s=60)
        assert known.of("data") == [{"kind": "data", "who": "alice", "text": "hello out there"}]
        facts = await health_until(hub, lambda facts: facts["ipc"]["dropped"].get("unknown key refused", 0), 60)
        assert facts["agents"] == 1
        assert [unknown.said, keyless.said] == [[{"kind": "started"}]] * 2
    await _is_admitted_by_the_folder(hub, place, robot)
    assert await asyncio.to_thread(hub.stop) == 0


async def _is_admitted_by_the_folder(hub: Any, place: Place, keys: _make_keys.AgentKeys) -> None:
    away = keys.admitted.rename(keys.admitted.with_suffix(".away"))
    refused = (await health_until(hub, lambda _: True))["ipc"]["dropped"]["unknown key refused"]
    async with remote_agent(hub, place, keys) as shut_out:
        await eventually(lambda: shut_out.of("started"), within_s=60)
        await health_until(hub, lambda facts: facts["ipc"]["dropped"]["unknown key refused"] > refused, 60)
        assert not shut_out.of("event")
    away.rename(keys.admitted)
    async with remote_agent(hub, place, keys) as admitted:
        await eventually(lambda: admitted.of("event"), within_s=60)


def test_what_others_could_reach_is_refused_with_a_sentence(make_hub: Callable[..., Any]) -> None:
    hub = make_hub(hub_sub_addr="tcp://0.0.0.0:5555").start()

    assert hub.wait_exit() == 1
    assert "every machine on the network could listen in and speak" in hub.output
    assert "--make-keys" in hub.output
    assert "Traceback" not in hub.output


def test_a_missing_folder_of_keys_is_named(make_hub: Callable[..., Any], tmp_path: Path) -> None:
    remote = {"enabled": True, "host": "127.0.0.1", "port": own_ports(4)}
    hub = make_hub(remote=remote | {"server_key": "hub.key_secret", "client_keys": "nobody"}).start()

    assert hub.wait_exit() == 1
    assert f"{hub.folder / 'nobody'}: expected a folder with the public keys of the agents" in hub.output
    assert "Traceback" not in hub.output
