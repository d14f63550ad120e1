"""The hub's rooms at LiveKit: none is left behind, and one that is lost is found again."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kit.agents import running_agent
from kit.cable import Cable
from kit.hub import SPARE_SECRET, get_json, health_until
from kit.livekit import LiveKitServer
from kit.participants import Client
from kit.processes import WAIT_LIMIT_S, own_port
from livekit import api

from xr_ai_agent import HubEndpoint
from xr_ai_program.testing import eventually
from xr_media_hub._errors import RoomUnavailable
from xr_media_hub._stats import HubStats
from xr_media_hub._who import Who
from xr_media_hub.transport.livekit import LiveKitAccess, LiveKitConnector
from xr_media_hub.transport.livekit._events import Event
from xr_media_hub.transport.livekit._room_keeper import LOST, RoomKeeper, RoomPlan
from xr_media_hub.transport.livekit._rooms import PARTICIPANT_TOKEN_TTL

pytestmark = pytest.mark.anyio

ROOM = "room-alice"
HUB = "xr-hub-connector"


@dataclass
class Keeping:
    """A keeper of one room at a server of its own, in the test's process."""

    server: LiveKitServer
    cable: Cable
    access: LiveKitAccess
    keeper: RoomKeeper
    lost_since_s: dict[str, float]

    async def rooms(self) -> list[str]:
        async with api.LiveKitAPI(self.server.url, "xr-hub", SPARE_SECRET) as livekit:
            listed = await livekit.room.list_rooms(api.ListRoomsRequest())
        return [room.name for room in listed.rooms]

    async def is_empty(self) -> bool:
        return not await self.rooms()


@asynccontextmanager
async def keeping(binary: Path, folder: Path) -> AsyncIterator[Keeping]:
    ports = {"port": own_port(), "udp_port": own_port()}
    server = LiveKitServer(binary, folder, **ports, key="xr-hub", secret=SPARE_SECRET, makes_rooms=False)
    await asyncio.to_thread(server.start)
    lost_since_s: dict[str, float] = {}
    async with Cable(ports["port"]) as cable:
        access = LiveKitAccess(f"ws://127.0.0.1:{cable.port}", "xr-hub", SPARE_SECRET)
        keeper = RoomKeeper(RoomPlan(ROOM, HUB, 1, 1000, owner=Who("alice", {})), access, lost_since_s)
        try:
            yield Keeping(server, cable, access, keeper, lost_since_s)
        finally:
            await access.aclose()
            server.kill()


async def test_a_room_that_is_given_up_while_it_is_lost_is_removed(livekit_binary: Path, tmp_path: Path) -> None:
    """Whoever still holds a token for it would find it without the hub."""
    async with keeping(livekit_binary, tmp_path) as kept:
        lost = asyncio.Event()

        def note(event: Event) -> None:
            if event == LOST:
                lost.set()

        await kept.keeper.open(note)
        assert await kept.rooms() == [ROOM]
        # Another connection of the same name: LiveKit puts the first one out.
        usurper = await Client().join(kept.server.url, kept.server.token(HUB, ROOM))
        await asyncio.wait_for(lost.wait(), WAIT_LIMIT_S)
        assert list(kept.lost_since_s) == [ROOM]
        await kept.keeper.close()
        assert await kept.rooms() == []
        assert not kept.lost_since_s
        await usurper.leave()


async def test_a_room_that_livekit_could_not_remove_is_removed_once_it_can(
    livekit_binary: Path, tmp_path: Path
) -> None:
    async with keeping(livekit_binary, tmp_path) as kept:
        await kept.keeper.open(lambda _event: None)
        kept.cable.pull()
        await kept.keeper.close()
        assert await kept.rooms() == [ROOM]
        kept.cable.plug()
        await eventually(kept.is_empty)


async def test_a_server_that_hangs_is_not_waited_for(livekit_binary: Path, tmp_path: Path) -> None:
    async with keeping(livekit_binary, tmp_path) as kept:
        kept.server.suspend()
        asked_at = time.monotonic()
        with pytest.raises(RoomUnavailable):
            await kept.keeper.open(lambda _event: None)
        assert time.monotonic() - asked_at < 20, "no limit of ours ended that"


async def test_a_hub_that_gave_up_its_connection_joins_again_and_says_so(own_livekit: Any) -> None:
    """Away for longer than the SDK tries: first a server that refuses us, then the right one, which knows no rooms."""
    hub = own_livekit.hub
    await own_livekit.start()
    await asyncio.to_thread(lambda: hub.start().wait_ready())
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "stayer"})
    client = await Client().join(admission["url"], admission["token"])
    await client.publish_tone()
    async with running_agent(hub) as agent:
        await eventually(lambda: agent.peak("stayer") > 0.1)
        assert (await health_until(hub, lambda _: True))["rooms_lost"] == 0
        own_livekit.kill()
        stranger = own_livekit.of_another_secret()
        await asyncio.to_thread(stranger.start)
        try:
            facts = await health_until(hub, lambda facts: facts["status"] == "a room is lost", 2 * WAIT_LIMIT_S)
            assert (facts["livekit_answers"], facts["rooms_lost"]) == (True, 1)
            await eventually(lambda: "the hub lost the room" in hub.output)
            await eventually(lambda: "stayer" not in agent.endpoint.connected_participants)
        finally:
            stranger.kill()
        await client.leave()
        await own_livekit.start()
        await health_until(
            hub, lambda facts: facts["status"] == "ok" and facts["rooms_lost"] == 0, within_s=2 * WAIT_LIMIT_S
        )
        await eventually(lambda: "the hub is back in the room" in hub.output)

        agent.audio.clear()
        client = await Client().join(admission["url"], admission["token"])
        await client.publish_tone()
        await eventually(lambda: agent.peak("stayer") > 0.1)
        spoken_at = time.monotonic()
        await agent.say("stayer", hz=500, seconds=1.0)
        await eventually(lambda: client.loud_since(spoken_at))
        await client.leave()
    assert await asyncio.to_thread(hub.stop) == 0


async def test_a_token_keeps_its_name_and_its_room_as_long_as_it_is_valid(livekit_binary: Path, tmp_path: Path) -> None:
    limits = {"hub_identity": HUB, "room_prefix": "room", "max_participants": 4, "max_data_bytes": 1000}
    async with keeping(livekit_binary, tmp_path) as kept:
        with closing(HubEndpoint(f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/pub")) as hub:
            connector = LiveKitConnector(kept.access, hub.connect_local("livekit"), HubStats(), **limits)
            first = await connector.admit("alice")
            session = connector._sessions["alice"]
            session.opened_at_s -= PARTICIPANT_TOKEN_TTL.total_seconds() / 2
            second = await connector.admit("alice")
            assert second.identity == "alice-2"
            assert set(await kept.rooms()) == {first.room, second.room}

            session.opened_at_s -= PARTICIPANT_TOKEN_TTL.total_seconds() / 2
            third = await connector.admit("alice")
            assert third.identity == "alice"
            assert set(await kept.rooms()) == {second.room, third.room}
            await connector.stop()
            assert await kept.rooms() == []
