"""Data of any size: what exceeds a packet crosses as a stream, whole, in order, to one participant alone."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from livekit import rtc

from xr_media_hub._stats import ParticipantStats
from xr_media_hub.transport.livekit import _data_in
from xr_media_hub.transport.livekit._data_in import OPEN_STREAMS_MOST, DataIn

pytestmark = pytest.mark.anyio

HUB = "xr-hub-connector"


def digests(messages: list[bytes]) -> list[tuple[int, str]]:
    return [(len(each), hashlib.sha256(each).hexdigest()) for each in messages]


async def test_what_an_agent_says_arrives_whole_and_at_one_participant_only(
    hub: Any, agent: Any, join: Callable[..., Any], helpers: Any
) -> None:
    alice, other = await join(hub, "alice-large"), await join(hub, "other-large")
    for client, name in ((alice, "alice-large"), (other, "other-large")):
        await client.send(b"here")
        await helpers.eventually(lambda name=name: agent.texts(name))

    sizes = (60_000, 60_001, 1_000_000, helpers.MAX_DATA_BYTES)
    sent = [os.urandom(size) for size in sizes]
    for message in sent:
        await agent.tell("alice-large", "scene", message)
    await agent.tell("other-large", "agent.response", b"yours")
    await helpers.eventually(lambda: len(alice.data) == len(sent) and other.data)

    assert sorted(digests([data for _, data, _ in alice.data])) == sorted(digests(sent))
    assert {(topic, sender) for topic, _, sender in alice.data} == {("scene", HUB)}
    assert other.data == [("agent.response", b"yours", HUB)]


async def test_what_a_participant_streams_arrives_whole_and_in_order(
    hub: Any, agent: Any, join: Callable[..., Any], helpers: Any
) -> None:
    robot = await join(hub, "robot-large")
    local = robot.room.local_participant
    scan = os.urandom(3_000_000)
    await local.send_bytes(scan, topic="scan", destination_identities=[HUB])
    await local.publish_data(b"after the scan", topic="scan", destination_identities=[HUB])
    await local.send_text("ü" * 100_000, topic="")
    await local.send_text("short", topic="lk.chat")

    await helpers.eventually(lambda: len(agent.texts("robot-large", "scan")) == 2 and agent.texts("robot-large"))
    await helpers.eventually(lambda: agent.texts("robot-large", "lk.chat"))
    assert digests(agent.texts("robot-large", "scan")) == digests([scan, b"after the scan"])
    assert agent.texts("robot-large") == ["ü".encode() * 100_000]
    assert agent.texts("robot-large", "lk.chat") == [b"short"]


async def test_too_much_is_refused_and_counted_and_the_rest_goes_on(
    hub: Any, agent: Any, join: Callable[..., Any], helpers: Any
) -> None:
    greedy = await join(hub, "greedy")
    local = greedy.room.local_participant
    too_much = helpers.MAX_DATA_BYTES + 1
    announced = await local.stream_bytes("large", topic="scan", total_size=too_much)
    silent = await local.stream_bytes("large", topic="scan")
    await silent.write(bytes(too_much))
    await silent.aclose()
    await greedy.send(b"still heard", topic="scan")

    await helpers.eventually(lambda: agent.texts("greedy", "scan"))
    assert agent.texts("greedy", "scan") == [b"still heard"]
    assert await _dropped(hub, helpers, "greedy") == 2
    assert "max_data_bytes" in hub.output
    await announced.aclose()

    open_ones = [await local.stream_bytes("open", topic=f"t{number}") for number in range(OPEN_STREAMS_MOST + 2)]
    await helpers.health_until(hub, lambda facts: facts["participants"]["greedy"]["dropped_in"] == 4)
    for writer in open_ones:
        await writer.write(b"whole")
        await writer.aclose()
    await helpers.eventually(lambda: all(agent.texts("greedy", f"t{number}") for number in range(OPEN_STREAMS_MOST)))
    assert not agent.texts("greedy", f"t{OPEN_STREAMS_MOST}")


async def test_a_sender_who_goes_in_the_middle_leaves_nothing(hub: Any, agent: Any, helpers: Any) -> None:
    _, admission = await helpers.get_json(f"{hub.url}/token", params={"identity": "breaker"})
    breaker = await helpers.Client().join(admission["url"], admission["token"])
    await breaker.publish_tone()
    await helpers.eventually(lambda: agent.peak("breaker") > 0)
    writer = await breaker.room.local_participant.stream_bytes("half", topic="scan")
    await writer.write(bytes(100_000))
    await breaker.leave()
    await helpers.eventually(lambda: "breaker" not in agent.endpoint.connected_participants)

    assert agent.texts("breaker", "scan") == []
    assert "Traceback" not in hub.output


async def _dropped(hub: Any, helpers: Any, name: str) -> int:
    _, facts = await helpers.get_json(f"{hub.url}/health")
    return int(facts["participants"][name]["dropped_in"])


@dataclass
class Slow:
    """A stream whose chunks come when the test says so."""

    topic: str
    chunks: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)
    is_closed: bool = False

    @property
    def info(self) -> rtc.ByteStreamInfo:
        return rtc.ByteStreamInfo("id", "", self.topic, 0, None, {}, "name")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self.chunks.get()) is not None:
            yield chunk

    def close(self) -> None:
        self.is_closed = True


async def test_a_stream_holds_back_its_own_topic_only() -> None:
    heard: list[tuple[str, bytes]] = []
    all_heard = asyncio.Event()

    async def push(topic: str, data: bytes) -> None:
        heard.append((topic, data))
        if len(heard) == 3:
            all_heard.set()

    data_in = DataIn("alice", push, ParticipantStats(), 1000)
    stream = Slow("scene")
    data_in.stream(stream)  # type: ignore[arg-type]
    await data_in.packet("scene", b"second")
    await data_in.packet("pose", b"at once")
    assert heard == [("pose", b"at once")]
    for part in (b"fi", b"rst", None):
        stream.chunks.put_nowait(part)
    await asyncio.wait_for(all_heard.wait(), 5)

    assert heard[1:] == [("scene", b"first"), ("scene", b"second")]
    assert stream.is_closed
    assert data_in.open_streams == 0


async def test_a_stream_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_data_in, "IDLE_LIMIT_S", 0.05)
    heard = asyncio.Event()

    async def push(_topic: str, _data: bytes) -> None:
        heard.set()

    counts = ParticipantStats()
    data_in = DataIn("alice", push, counts, 1000)
    stream = Slow("scene")
    data_in.stream(stream)  # type: ignore[arg-type]
    stream.chunks.put_nowait(b"half")
    await data_in.packet("scene", b"not held back for ever")
    await asyncio.wait_for(heard.wait(), 5)

    assert (counts.dropped_in, stream.is_closed) == (1, True)
