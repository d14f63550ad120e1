"""Nobody hears, sees or reaches anybody else: a hostile client with the plain SDK and raw requests."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from kit.hub import get_json
from kit.participants import Client
from kit.signalling import first_signal
from livekit import rtc

from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio


async def test_a_hostile_client_gets_nothing_of_another_participant(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    victim = await join(hub, "victim")
    await victim.publish_tone(hz=300)
    await victim.publish_colour(luma=90)
    hostile = await join(hub, "hostile")
    await hostile.publish_tone(hz=900)
    await hostile.publish_colour(luma=200)
    for options in (
        {},
        {"destination_identities": ["victim"]},
        {"destination_identities": ["xr-hub-connector", "victim"]},
    ):
        await hostile.send(b"psst", topic="clientControl", **options)
        await hostile.room.local_participant.send_text("psst", topic="scene", **options)
        await hostile.room.local_participant.send_bytes(b"psst" * 20_000, topic="scene", **options)
    await eventually(lambda: agent.peak("victim") > 0.1 and agent.peak("hostile") > 0.1)
    await eventually(lambda: {each.participant_id for each in agent.frames} >= {"victim", "hostile"})

    spoken_at = time.monotonic()
    await agent.say("victim", hz=500, seconds=1.0)
    await agent.tell("victim", "agent.response", b"for the victim alone")
    await eventually(lambda: len(victim.loud_since(spoken_at)) > 20 and victim.data)

    assert hostile.others == {"xr-hub-connector"}
    assert victim.others == {"xr-hub-connector"}
    assert hostile.senders <= {"xr-hub-connector"}
    assert victim.senders == {"xr-hub-connector"}
    assert not hostile.loud_since(0), "the other's reply was heard"
    assert (hostile.video_frames, victim.video_frames) == (0, 0)
    assert hostile.data == []
    assert victim.data == [("agent.response", b"for the victim alone", "xr-hub-connector")]
    assert {each.participant_id for each in agent.data if each.data == b"psst"} == {"hostile"}


@pytest.mark.parametrize("path", ["/rtc", "/rtc/v1"])
@pytest.mark.parametrize("asked", ["room", "identity", "publish", "participant_sid"])
async def test_whatever_a_request_asks_for_the_token_says_who_and_where(
    hub: Any, agent: Any, join: Callable[..., Any], path: str, asked: str
) -> None:
    name = f"held-{asked}-{path.count('/')}"
    victim = await join(hub, name)
    await victim.send(b"here")
    await eventually(lambda: agent.texts(name))
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "grabber"})
    wanted = {
        "room": {"room": victim.room.name},
        "identity": {"identity": name},
        "publish": {"publish": name, "room": victim.room.name},
        "participant_sid": {"participant_sid": victim.room.local_participant.sid, "reconnect": "1"},
    }
    async with aiohttp.ClientSession() as session:
        try:
            first = await first_signal(session, admission, path, "query", **wanted[asked])
        except (aiohttp.WSServerHandshakeError, AssertionError):
            first = b""  # refused outright
    assert victim.room.name.encode() not in first
    assert name.encode() not in first.replace(f"#{name}".encode(), b"")  # "…#name" is oneself
    await victim.send(b"still here")
    await eventually(lambda: len(agent.texts(name)) == 2)
    assert not victim.disconnected


async def test_a_participants_token_orders_nothing_at_the_media_server(hub: Any, join: Callable[..., Any]) -> None:
    """Even who reaches the server itself, from this machine: neither another's room nor one's own."""
    victim = await join(hub, "ordered")
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "orderer"})
    calls = {
        "ListRooms": {},
        "CreateRoom": {"name": "another"},
        "DeleteRoom": {"room": victim.room.name},
        "ListParticipants": {"room": victim.room.name},
        "RemoveParticipant": {"room": victim.room.name, "identity": "ordered"},
        "UpdateSubscriptions": {"room": victim.room.name, "identity": "ordered", "subscribe": True},
        "SendData": {"room": victim.room.name, "data": "cHNzdA==", "destination_identities": ["ordered"]},
    }
    headers = {"Authorization": f"Bearer {admission['token']}"}
    server = f"http://127.0.0.1:{hub.config['lk_port_ws']}/twirp/livekit.RoomService"
    async with aiohttp.ClientSession(headers=headers) as session:
        for name, body in calls.items():
            for room in (body, body | {"room": admission["room"]}):
                async with session.post(f"{server}/{name}", json=room) as reply:
                    assert reply.status == 401, name
    assert not victim.disconnected
    assert victim.data == []


def test_the_media_servers_signalling_is_for_this_machine_alone(hub: Any) -> None:
    (server,) = [child for child in hub.children() if "livekit" in child.name() or "server" in child.name()]
    listening = {(each.laddr.ip, each.laddr.port) for each in server.net_connections() if each.status == "LISTEN"}

    assert ("127.0.0.1", hub.config["lk_port_ws"]) in listening
    assert {ip for ip, _ in listening} == {"127.0.0.1"}


async def test_a_call_to_another_participant_is_not_answered(hub: Any, join: Callable[..., Any]) -> None:
    callee = await join(hub, "callee")

    async def reveal(_: rtc.RpcInvocationData) -> str:
        return "secret"

    callee.room.local_participant.register_rpc_method("reveal", reveal)
    caller = await join(hub, "caller")

    with pytest.raises((rtc.RpcError, TimeoutError)):
        async with asyncio.timeout(2.0):  # within a room the answer takes milliseconds
            await caller.room.local_participant.perform_rpc(destination_identity="callee", method="reveal", payload="")


@pytest.mark.parametrize("identity", ["xr-hub-connector", "XR-HUB-connector", "xr-hub-return-alice", "hub", "Hub"])
async def test_the_hubs_identity_is_not_given_away(hub: Any, identity: str) -> None:
    status, body = await get_json(f"{hub.url}/token", params={"identity": identity})

    assert status == 403
    assert "reserved" in body["error"]


@pytest.mark.parametrize("identity", ["a.b", "../x", "a b", "a/b", "é", "x" * 65, "a\x00b"])
async def test_names_that_could_cross_topics_are_refused(hub: Any, identity: str) -> None:
    status, body = await get_json(f"{hub.url}/token", params={"identity": identity})

    assert status == 400
    assert "expected 1 to 64 letters" in body["error"]


async def test_a_token_opens_one_room_and_no_more(hub: Any) -> None:
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "limited"})
    claims = json.loads(base64.urlsafe_b64decode(admission["token"].split(".")[1] + "=="))

    video = claims["video"]
    assert video.pop("room") == admission["room"]
    assert video.pop("canPublishSources") == ["microphone", "camera"]
    allowed = {"roomJoin", "canPublish", "canSubscribe", "canPublishData"}
    assert {name for name, value in video.items() if value} <= allowed
    assert claims["exp"] - claims["nbf"] <= 60
    assert (claims["sub"], claims["kind"]) == ("limited", "standard")


async def test_a_taken_identity_gets_a_fresh_one_and_its_holder_stays(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    holder = await join(hub, "tab")
    await holder.send(b"first")
    await eventually(lambda: agent.texts("tab"))

    _, admission = await get_json(f"{hub.url}/token", params={"identity": "tab"})
    second = await Client().join(admission["url"], admission["token"])
    await second.send(b"second")
    await eventually(lambda: agent.texts("tab-2"))
    await holder.send(b"still here")
    await eventually(lambda: len(agent.texts("tab")) == 2)

    assert admission["identity"] == "tab-2"
    assert not holder.disconnected
    await second.leave()


async def test_an_old_token_does_not_open_the_identitys_next_room(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    _, old = await get_json(f"{hub.url}/token", params={"identity": "reborn"})
    thief = await Client().join(old["url"], old["token"])
    await thief.publish_tone()
    await eventually(lambda: agent.peak("reborn") > 0)
    await thief.leave()
    await eventually(lambda: "reborn" not in agent.endpoint.connected_participants)

    owner = await join(hub, "reborn")
    await owner.send(b"mine")
    await eventually(lambda: agent.texts("reborn"))

    with pytest.raises(rtc.ConnectError):
        await Client().join(old["url"], old["token"])
    await owner.send(b"still mine")
    await eventually(lambda: len(agent.texts("reborn")) == 2)
    assert not owner.disconnected


async def test_nothing_else_of_livekit_is_reachable(hub: Any) -> None:
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "prober"})
    headers = {"Authorization": f"Bearer {admission['token']}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for path in (
            "/twirp/livekit.RoomService/ListRooms",
            "/whip/v1",
            "/rtc/../twirp/x",
            "/agent",
            "/rtcx",
            "/rtc/v1/x",
        ):
            async with session.post(f"{hub.url}{path}", json={}) as reply:
                assert reply.status in (404, 405), path
            async with session.get(f"{hub.url}{path}") as reply:
                assert reply.status in (404, 405), path


async def test_a_refused_handshake_leaves_no_way_to_livekit(hub: Any) -> None:
    """After a 401 the connection must not stay open for requests that nobody checks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.web_port)
    writer.write(
        b"GET /rtc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 401")
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    try:
        rest = await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        rest = b""
    writer.close()

    assert b"HTTP/1.1" not in rest
