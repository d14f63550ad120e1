"""Nobody hears, sees or reaches anybody else: a hostile client with the plain SDK and raw requests."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import aiohttp
import psutil
import pytest
from kit.hub import SPARE_SECRET, get_json
from kit.participants import Client
from kit.processes import WAIT_LIMIT_S
from kit.signalling import first_signal, signals_after
from livekit import api, rtc
from livekit.protocol.models import ParticipantTracks, SubscriptionError
from livekit.protocol.rtc import SignalRequest, UpdateSubscription

from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

_ROOMS = 8
# As a browser would offer to send a microphone's sound.
_OFFER = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99
a=setup:actpass
a=mid:0
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
""".replace("\n", "\r\n")


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
    await eventually(lambda: b"psst" in agent.texts("hostile", "clientControl"))

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


@pytest.mark.parametrize(
    "call",
    [
        "Egress/ListEgress",
        "Egress/StartRoomCompositeEgress",
        "Ingress/ListIngress",
        "Ingress/CreateIngress",
        "SIP/ListSIPInboundTrunk",
        "SIP/CreateSIPParticipant",
        "AgentDispatchService/ListDispatch",
        "AgentDispatchService/CreateDispatch",
        "RoomService/ForwardParticipant",
        "RoomService/MoveParticipant",
        "RoomService/UpdateParticipant",
        "RoomService/MutePublishedTrack",
    ],
)
async def test_no_other_service_of_the_media_server_obeys_a_participant(
    hub: Any, join: Callable[..., Any], call: str
) -> None:
    name = f"served-{call.replace('/', '-')}"
    victim = await join(hub, name)
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "server"})
    server = f"http://127.0.0.1:{hub.config['lk_port_ws']}/twirp/livekit."
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {admission['token']}"}) as session:
        for room in (admission["room"], victim.room.name):
            body = {"room": room, "room_name": room, "identity": name, "destination_room": admission["room"]}
            async with session.post(f"{server}{call}", json=body) as reply:
                assert reply.status in (401, 404), (reply.status, await reply.text())
    assert not victim.disconnected


async def test_a_stranger_at_the_media_servers_other_doors_reaches_nobody(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    """WHIP, on the server's own port, with a token that is valid."""
    victim = await join(hub, "whipped")
    await victim.send(b"here")
    await eventually(lambda: agent.texts("whipped"))
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "whipper"})
    headers = {"Authorization": f"Bearer {admission['token']}", "Content-Type": "application/sdp"}
    server = f"http://127.0.0.1:{hub.config['lk_port_ws']}/whip/v1"
    async with aiohttp.ClientSession(headers=headers) as session:
        for query in ("", f"?room={victim.room.name}", f"?room={victim.room.name}&identity=whipped"):
            async with session.post(f"{server}{query}", data=_OFFER) as reply:
                answer = await reply.text()
                assert victim.room.name not in answer, reply.status
    await victim.send(b"still here")
    await eventually(lambda: len(agent.texts("whipped")) == 2)
    assert victim.others == {"xr-hub-connector"}
    assert not victim.disconnected


async def test_a_subscription_to_anothers_track_is_not_given(hub: Any, agent: Any, join: Callable[..., Any]) -> None:
    """Asked for in LiveKit's own words, with the ids of the victim's tracks."""
    victim = await join(hub, "tapped")
    sids = [await victim.publish_tone(hz=300), await victim.publish_colour(luma=90)]
    await eventually(lambda: agent.peak("tapped") > 0.1)
    tracks = ParticipantTracks(participant_sid=victim.room.local_participant.sid, track_sids=sids)
    asked = SignalRequest(subscription=UpdateSubscription(track_sids=sids, subscribe=True, participant_tracks=[tracks]))
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "tapper"})
    async with aiohttp.ClientSession() as session:
        said = await signals_after(session, admission, asked)

    told = b"".join(each.SerializeToString() for each in said if each.WhichOneof("message") != "subscription_response")
    for secret in (*sids, "tapped", victim.room.name, victim.room.local_participant.sid):
        assert secret.encode() not in told
    refused = [each.subscription_response for each in said if each.WhichOneof("message") == "subscription_response"]
    assert all(each.err != SubscriptionError.SE_UNKNOWN for each in refused)


async def test_a_data_track_reaches_nobody_else(hub: Any, agent: Any, join: Callable[..., Any]) -> None:
    victim, hostile = await join(hub, "untracked"), await join(hub, "tracker")
    seen: list[object] = []
    victim.room.on("data_track_published", seen.append)
    for client, name in ((victim, "untracked"), (hostile, "tracker")):
        await client.send(b"here")
        await eventually(lambda name=name: agent.texts(name))
    track = await hostile.room.local_participant.publish_data_track(name="psst")
    track.try_push(rtc.DataTrackFrame(payload=b"psst"))
    await hostile.send(b"after it")
    await victim.send(b"still here")
    await eventually(lambda: len(agent.texts("tracker")) == 2 and len(agent.texts("untracked")) == 2)

    assert seen == []
    assert victim.data == []
    assert agent.texts("tracker") == [b"here", b"after it"]
    assert agent.texts("untracked") == [b"here", b"still here"]


async def test_a_second_connection_with_ones_own_token_takes_only_ones_own_place(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    victim = await join(hub, "bystander")
    await victim.send(b"here")
    await eventually(lambda: agent.texts("bystander"))
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "doubled"})
    first = await join.admitted(admission)
    second = await join.admitted(admission)
    await eventually(lambda: first.disconnected)
    await second.send(b"of the second")
    await eventually(lambda: agent.texts("doubled"))

    assert second.others == {"xr-hub-connector"}
    assert not victim.disconnected
    assert agent.texts("bystander") == [b"here"]


async def test_a_token_that_the_server_renewed_ends_with_its_room(spare_hub: Any) -> None:
    _, admission = await get_json(f"{spare_hub.url}/token", params={"identity": "revoked"})
    client = await Client().join(admission["url"], admission["token"])
    await eventually(lambda: client.room._token != admission["token"])
    renewed = client.room._token
    server = f"http://127.0.0.1:{spare_hub.config['lk_port_ws']}"
    async with api.LiveKitAPI(server, "xr-hub", SPARE_SECRET) as livekit:
        await livekit.room.delete_room(api.DeleteRoomRequest(room=admission["room"]))
        for token in (renewed, admission["token"]):
            with pytest.raises(rtc.ConnectError):
                await Client().join(admission["url"], token)
        listed = await livekit.room.list_rooms(api.ListRoomsRequest(names=[admission["room"]]))
        assert not listed.rooms
    await client.leave()


async def test_clients_are_sent_to_the_address_that_was_set_and_nowhere_else(hub: Any) -> None:
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "pathfinder"})
    async with aiohttp.ClientSession() as session:
        said = await signals_after(session, admission)
    (joined,) = [each.join for each in said if each.WhichOneof("message") == "join"]
    urls = [url for server in joined.ice_servers for url in server.urls]
    assert all(url.startswith("stun:127.0.0.1:") for url in urls), urls
    assert urls


async def test_a_hub_of_many_rooms_is_light(spare_hub: Any) -> None:
    """Whoever has a token and did not come yet: no track is sent there, and few files are open."""
    process = psutil.Process(spare_hub.pid)
    await get_json(f"{spare_hub.url}/token")
    before, rooms = process.num_fds(), []
    for _ in range(_ROOMS):
        _, admission = await get_json(f"{spare_hub.url}/token")
        rooms.append(admission["room"])
    assert process.num_fds() - before < 15 * _ROOMS, "LiveKit's default takes more than 50 of each room"
    server = f"http://127.0.0.1:{spare_hub.config['lk_port_ws']}"
    async with api.LiveKitAPI(server, "xr-hub", SPARE_SECRET) as livekit:
        for room in rooms:
            listed = await eventually(partial(_participants, livekit, room))
            assert [(who.identity, len(who.tracks)) for who in listed] == [("xr-hub-connector", 0)]


async def _participants(livekit: api.LiveKitAPI, room: str) -> Any:
    return (await livekit.room.list_participants(api.ListParticipantsRequest(room=room))).participants


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
    second = await join.admitted(admission)
    await second.send(b"second")
    await eventually(lambda: agent.texts("tab-2"))
    await holder.send(b"still here")
    await eventually(lambda: len(agent.texts("tab")) == 2)

    assert admission["identity"] == "tab-2"
    assert not holder.disconnected


async def test_an_old_token_does_not_open_the_identitys_next_room(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    _, old = await get_json(f"{hub.url}/token", params={"identity": "reborn"})
    thief = await join.admitted(old)
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
        rest = await asyncio.wait_for(reader.read(), WAIT_LIMIT_S)
    except ConnectionResetError:
        rest = b""
    writer.close()

    assert b"HTTP/1.1" not in rest
