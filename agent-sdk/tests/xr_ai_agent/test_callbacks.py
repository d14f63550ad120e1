"""Callbacks that do not keep up: what waits for them is bounded, what is dropped is counted, order holds."""

import asyncio
import logging

import pytest

from xr_ai_agent import DataMessage
from xr_ai_agent._callbacks import CALLS_MAX, CallbackList, CallbackRunner
from xr_ai_agent._loss import LossCounter

pytestmark = pytest.mark.anyio


@pytest.fixture
def losses() -> LossCounter:
    return LossCounter(logging.getLogger("test"))


async def test_what_a_callback_that_never_ends_is_given_is_bounded_and_the_rest_counted(stage, eventually):
    connector = stage.hub().connect_local("lk")
    await connector.notify_participant_joined("alice", 1)
    agent, gate = await stage.agent(), asyncio.Event()
    begun, ended, plain = [], [], []

    async def slow(message: DataMessage) -> None:
        begun.append(message.pts_us)
        await gate.wait()
        ended.append(message.pts_us)

    agent.on_data(slow)
    agent.on_data(lambda message: plain.append(message.pts_us))
    sent = CALLS_MAX + 500
    for number in range(sent):
        await connector.push_data(DataMessage("alice", "t", number, b""))
        if number % 100 == 0:
            await asyncio.sleep(0)
    await eventually(lambda: len(plain) == sent)
    assert begun == list(range(CALLS_MAX))
    assert plain == list(range(sent))
    assert agent.losses == {"callback behind": 500}
    assert len(agent._runner._tasks) <= CALLS_MAX + 5
    gate.set()
    await eventually(lambda: len(ended) == CALLS_MAX)
    await connector.push_data(DataMessage("alice", "t", sent, b""))
    await eventually(lambda: ended[-1] == sent)
    assert agent.losses == {"callback behind": 500}


async def test_where_nothing_may_be_dropped_everything_is_called(losses):
    runner, gate, ended = CallbackRunner(losses), asyncio.Event(), []
    callbacks: CallbackList[int] = CallbackList(runner, calls_max=None)

    async def slow(number: int) -> None:
        await gate.wait()
        ended.append(number)

    callbacks.add(slow)
    for number in range(CALLS_MAX + 10):
        callbacks.fire(number)
    gate.set()
    await asyncio.gather(*runner._tasks)
    assert ended == list(range(CALLS_MAX + 10))
    assert losses.counts == {}


async def test_what_is_held_for_a_call_that_does_not_happen_is_given_back(losses):
    runner, gate, held = CallbackRunner(losses), asyncio.Event(), []
    callbacks: CallbackList[int] = CallbackList(runner, calls_max=2)
    callbacks.add(lambda _: gate.wait())

    def acquire():
        held.append(1)
        return held.pop

    for number in range(5):
        callbacks.fire_holding(number, acquire)
    assert len(held) == 2
    assert losses.counts == {"callback behind": 3}
    gate.set()
    await asyncio.gather(*runner._tasks)
    assert held == []
