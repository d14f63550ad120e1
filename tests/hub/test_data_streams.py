"""Data of any size: what exceeds a packet crosses as a stream, whole, in order, to one participant alone."""

import hashlib
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from kit.hub import MAX_DATA_BYTES, health_until

from xr_ai_program.testing import eventually
from xr_media_hub.transport.livekit._data_in import OPEN_STREAMS_MOST, WAITING_BYTES_MOST
from xr_media_hub.transport.livekit._room_link import PACKET_BYTES

pytestmark = pytest.mark.anyio

HUB = "xr-hub-connector"
_FLOOD = 30


def digests(messages: list[bytes]) -> list[tuple[int, str]]:
    return [(len(each), hashlib.sha256(each).hexdigest()) for each in messages]


async def test_what_an_agent_says_arrives_whole_and_at_one_participant_only(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    alice, other = await join(hub, "alice-large"), await join(hub, "other-large")
    for client, name in ((alice, "alice-large"), (other, "other-large")):
        await client.send(b"here")
        await eventually(lambda name=name: agent.texts(name))

    sizes = (60_000, 60_001, 1_000_000, MAX_DATA_BYTES)
    sent = [os.urandom(size) for size in sizes]
    for message in sent:
        await agent.tell("alice-large", "scene", message)
    await agent.tell("other-large", "agent.response", b"yours")
    await eventually(lambda: len(alice.data) == len(sent) and other.data)

    assert sorted(digests([data for _, data, _ in alice.data])) == sorted(digests(sent))
    assert {(topic, sender) for topic, _, sender in alice.data} == {("scene", HUB)}
    assert other.data == [("agent.response", b"yours", HUB)]


async def test_what_a_participant_streams_arrives_whole_and_in_order(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    robot = await join(hub, "robot-large")
    local = robot.room.local_participant
    scan = os.urandom(3_000_000)
    await local.send_bytes(scan, topic="scan", destination_identities=[HUB])
    await local.publish_data(b"after the scan", topic="scan", destination_identities=[HUB])
    await local.send_text("ü" * 100_000, topic="")
    await local.send_text("short", topic="lk.chat")

    await eventually(lambda: len(agent.texts("robot-large", "scan")) == 2 and agent.texts("robot-large"))
    await eventually(lambda: agent.texts("robot-large", "lk.chat"))
    assert digests(agent.texts("robot-large", "scan")) == digests([scan, b"after the scan"])
    assert agent.texts("robot-large") == ["ü".encode() * 100_000]
    assert agent.texts("robot-large", "lk.chat") == [b"short"]


async def test_too_much_is_refused_and_counted_and_the_rest_goes_on(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    greedy = await join(hub, "greedy")
    local = greedy.room.local_participant
    too_much = MAX_DATA_BYTES + 1
    announced = await local.stream_bytes("large", topic="scan", total_size=too_much)
    silent = await local.stream_bytes("large", topic="scan")
    await silent.write(bytes(too_much))
    await silent.aclose()
    await greedy.send(b"still heard", topic="scan")

    await eventually(lambda: agent.texts("greedy", "scan"))
    assert agent.texts("greedy", "scan") == [b"still heard"]
    await health_until(hub, lambda facts: facts["participants"]["greedy"]["dropped_in"] == 2)
    assert "max_data_bytes" in hub.output
    await announced.aclose()

    open_ones = [await local.stream_bytes("open", topic=f"t{number}") for number in range(OPEN_STREAMS_MOST + 2)]
    await health_until(hub, lambda facts: facts["participants"]["greedy"]["dropped_in"] == 4)
    for writer in open_ones:
        await writer.write(b"whole")
        await writer.aclose()
    await eventually(lambda: all(agent.texts("greedy", f"t{number}") for number in range(OPEN_STREAMS_MOST)))
    assert not agent.texts("greedy", f"t{OPEN_STREAMS_MOST}")


async def test_whoever_floods_the_hub_is_refused_and_costs_it_no_memory(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    """Topics that no agent may get, packets behind a stream that never ends, streams without number."""
    flooder = await join(hub, "flooder")
    await flooder.publish_tone()
    await eventually(lambda: agent.peak("flooder") > 0)
    local = flooder.room.local_participant
    fitting = WAITING_BYTES_MOST // PACKET_BYTES

    for number in range(_FLOOD):
        await local.send_text("whole", topic=f"{number}-{'x' * 300}")
        await flooder.send(b"behind it", topic=f"{number}-{'x' * 300}")
    opened = [await local.stream_bytes("open", topic=f"open-{number}") for number in range(OPEN_STREAMS_MOST)]
    for writer in opened:
        await writer.write(b"begun")
    await health_until(hub, lambda facts: _queues(facts)["streams_in"] == OPEN_STREAMS_MOST)
    further = [await local.stream_bytes("more", topic=f"more-{number}") for number in range(_FLOOD)]
    for number in range(fitting + _FLOOD):
        await flooder.send(bytes(PACKET_BYTES), topic=f"open-{number % 2}")
        for writer in opened:
            await writer.write(b".")  # a stream that stands still is given up
    await flooder.send(b"the end", topic="end")
    await eventually(lambda: agent.texts("flooder", "end"), within_s=60)

    await health_until(hub, lambda facts: facts["participants"]["flooder"]["dropped_in"] == 4 * _FLOOD)
    assert len(re.findall("data from .* was refused", hub.output)) < 20
    assert "Traceback" not in hub.output
    for writer in (*opened, *further):
        await writer.aclose()
    topics = [f"open-{number}" for number in range(2)]
    await eventually(lambda: sum(len(agent.texts("flooder", topic)) for topic in topics) == len(topics) + fitting)


async def test_a_sender_who_goes_in_the_middle_leaves_nothing(hub: Any, agent: Any, join: Callable[..., Any]) -> None:
    breaker = await join(hub, "breaker")
    await breaker.publish_tone()
    await eventually(lambda: agent.peak("breaker") > 0)
    writer = await breaker.room.local_participant.stream_bytes("half", topic="scan")
    await writer.write(bytes(100_000))
    await breaker.leave()
    await eventually(lambda: "breaker" not in agent.endpoint.connected_participants)

    assert agent.texts("breaker", "scan") == []
    assert "Traceback" not in hub.output


def _queues(facts: Any) -> Any:
    return facts["participants"]["flooder"]["queues"]
