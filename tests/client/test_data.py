"""Data of any size through a real hub, both ways: whole, in order per topic, once, and none after leaving."""

import asyncio
import hashlib
import os
from collections.abc import Callable

import pytest

from xr_ai_agent import DataMessage, ProcessorEndpoint
from xr_ai_client import MAX_DATA_BYTES, DataTooLargeError, NotSentError, Participant, ReceivedData
from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

SIZES = (10, 60_000, 60_001, 1_000_000, 20_000_000)


def of(participant_id: str, into: list[DataMessage]) -> Callable[[DataMessage], None]:
    """Return what keeps the messages of one participant; others may still be about."""
    return lambda message: into.append(message) if message.participant_id == participant_id else None


def digests(messages: list[bytes]) -> list[tuple[int, str]]:
    return [(len(each), hashlib.sha256(each).hexdigest()) for each in messages]


async def say(agent: ProcessorEndpoint, topic: str, data: bytes, to: str) -> None:
    assert await agent.send_return_data(DataMessage(to, topic, 0, data))


@pytest.mark.timeout(400)
async def test_every_size_arrives_whole_and_once_in_both_directions(hub, agent):
    sent = [os.urandom(size) for size in SIZES]
    at_agent: list[DataMessage] = []
    at_robot: list[ReceivedData] = []
    agent.on_data(of("robot", at_agent))
    async with await Participant.join(hub.url, "robot", code=hub.join_code, verify=False) as robot:
        robot.on_data(at_robot.append)
        await eventually(lambda: "robot" in agent.connected_participants)

        async def speak() -> None:
            for message in sent:
                await robot.send_data("scan", message)

        async def answer() -> None:
            for message in sent:
                await say(agent, "scene", message, "robot")

        await asyncio.gather(speak(), answer())
        # LiveKit encrypts a few MB/s per core.
        await eventually(lambda: len(at_agent) >= len(sent) <= len(at_robot), within_s=300)
        assert robot.data_refused == 0
    assert digests([message.data for message in at_agent]) == digests(sent)
    assert digests([message.data for message in at_robot]) == digests(sent)
    assert {message.topic for message in at_agent} == {"scan"}
    assert {(message.sender, message.topic) for message in at_robot} == {("xr-hub-connector", "scene")}


async def test_what_is_larger_than_wanted_is_refused_and_the_rest_goes_on(hub, agent):
    small = await Participant.join(hub.url, "small", code=hub.join_code, verify=False, max_data_bytes=100_000)
    async with small:
        got: list[ReceivedData] = []
        small.on_data(got.append)
        await small.send_data("here", b"")
        await eventually(lambda: "small" in agent.connected_participants)
        for size in (200_000, 100_000, 5):
            await say(agent, "scene", bytes(size), "small")
        await eventually(lambda: len(got) == 2)
        assert [len(message.data) for message in got] == [100_000, 5]
        assert small.data_refused == 1
        with pytest.raises(DataTooLargeError, match="at most"):
            await small.send_data("scan", bytes(MAX_DATA_BYTES + 1))


async def test_who_leaves_in_the_middle_hears_nothing_more_of_it(hub, agent):
    leaver = await Participant.join(hub.url, "leaver", code=hub.join_code, verify=False)
    async with leaver:
        got: list[str] = []
        leaver.on_data(lambda message: got.append(message.topic))
        await leaver.send_data("here", b"")
        await eventually(lambda: "leaver" in agent.connected_participants)
        await say(agent, "first", b"", "leaver")
        await say(agent, "scene", bytes(MAX_DATA_BYTES), "leaver")
        await eventually(lambda: leaver._line._lanes.get("scene"), what="the stream begins")
    assert got == ["first"]
    assert not leaver._line._tasks


async def test_who_is_cut_off_in_the_middle_of_sending_is_told(hub, agent):
    sender = await Participant.join(hub.url, "cut", code=hub.join_code, verify=False)
    got: list[DataMessage] = []
    agent.on_data(of("cut", got))
    sending = asyncio.create_task(sender.send_data("scan", bytes(20_000_000)))
    await eventually(lambda: "cut" in agent.connected_participants)
    await sender.aclose()
    with pytest.raises(NotSentError, match="20000000 bytes"):
        await sending
    assert got == []
