"""Who is here: a killed program is soon gone, and whoever was cut off for a moment never was."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from kit.agents import running_agent
from kit.cable import Cable
from kit.hub import get_json
from kit.killable import killable_client
from kit.participants import Client

from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

# Three seconds without a sign and two of grace, and what a busy machine adds; without the hub's own eyes it takes 20.
GONE_LIMIT_S = 15.0
# Of sound, in chunks of 10 ms.
NOTICED_CHUNKS = 800


@pytest.fixture(scope="module")
def trusting_hub(make_hub: Callable[..., Any]) -> Any:
    settings = {"isolation": "permissions", "room_name": "together", "token_rate_per_minute": 0}
    return make_hub(**settings).start().wait_ready()


@pytest.fixture(params=["room", "permissions"])
def any_hub(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("hub" if request.param == "room" else "trusting_hub")


async def admission_of(hub: Any, identity: str) -> dict[str, str]:
    status, admission = await get_json(f"{hub.url}/token", params={"identity": identity})
    assert status == 200, admission
    return dict(admission)


async def test_a_killed_program_is_gone_within_seconds(any_hub: Any) -> None:
    async with running_agent(any_hub) as agent:
        async with killable_client(await admission_of(any_hub, "killed"), with_sound=True):
            await eventually(lambda: agent.peak("killed") > 0)
        killed_at = time.monotonic()
        await eventually(lambda: "killed" not in agent.endpoint.connected_participants)
        assert time.monotonic() - killed_at < GONE_LIMIT_S
        assert _joins(agent, "killed") == [True, False]


async def test_a_killed_program_that_only_sent_a_word_is_gone_within_seconds(hub: Any, agent: Any) -> None:
    """LiveKit may not even have announced it."""
    async with killable_client(await admission_of(hub, "brief"), with_sound=False):
        await eventually(lambda: "brief" in agent.endpoint.connected_participants)
    killed_at = time.monotonic()
    await eventually(lambda: "brief" not in agent.endpoint.connected_participants)
    assert time.monotonic() - killed_at < GONE_LIMIT_S


@asynccontextmanager
async def talking_over_a_cable(hub: Any, agent: Any, identity: str) -> AsyncIterator[tuple[Client, Cable]]:
    async with Cable(hub.web_port) as cable:
        admission = await admission_of(hub, identity)
        url = admission["url"].replace(f":{hub.web_port}", f":{cable.port}")
        client = await Client().join(url, admission["token"])
        try:
            await client.publish_tone()
            await eventually(lambda: agent.peak(identity) > 0)
            yield client, cable
        finally:
            cable.plug()
            await client.leave()


async def test_a_connection_that_is_cut_for_a_moment_is_not_noticed(any_hub: Any) -> None:
    async with running_agent(any_hub) as agent, talking_over_a_cable(any_hub, agent, "resumer") as (client, cable):
        back = asyncio.Event()
        client.room.on("reconnected", back.set)
        cable.pull()
        cable.plug()
        await asyncio.wait_for(back.wait(), 60)
        await _until_it_would_be_noticed(agent, "resumer")
        await eventually(lambda: agent.peak("resumer") > 0.1)
        spoken_at = time.monotonic()
        await agent.say("resumer", hz=500, seconds=0.5)
        await eventually(lambda: client.loud_since(spoken_at))
        assert _joins(agent, "resumer") == [True]


async def test_whoever_finds_back_after_being_given_up_is_heard_again(any_hub: Any) -> None:
    """LiveKit has never lost them, and reports nothing."""
    async with running_agent(any_hub) as agent, talking_over_a_cable(any_hub, agent, "late") as (client, cable):
        cable.pull()
        await eventually(lambda: "late" not in agent.endpoint.connected_participants)
        agent.audio.clear()
        cable.plug()
        await eventually(lambda: "late" in agent.endpoint.connected_participants)
        await eventually(lambda: agent.peak("late") > 0.1)
        spoken_at = time.monotonic()
        await agent.say("late", hz=500, seconds=0.5)
        await eventually(lambda: client.loud_since(spoken_at))
        assert _joins(agent, "late")[:3] == [True, False, True]


def _joins(agent: Any, identity: str) -> list[bool]:
    return [event.joined for event in agent.events if event.participant_id == identity]


async def _until_it_would_be_noticed(agent: Any, identity: str) -> None:
    """By the sound that goes on meanwhile."""

    def chunks() -> int:
        return sum(each.participant_id == identity for each in agent.audio)

    enough = chunks() + NOTICED_CHUNKS
    await eventually(lambda: chunks() > enough, within_s=60)
