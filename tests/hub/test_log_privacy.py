"""What the hub's log says of people: nothing that names them, until somebody asks for it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from kit.agents import running_agent
from kit.hub import HubProcess, get_json, health_until

from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

MOST_BYTES = 100_000
WHO = "secretly-alice"
TOPIC = "my.private.topic"
WORDS = (b"my diagnosis", b"nobody will know")


async def _everything_happens(hub: HubProcess, join: Callable[..., Any]) -> None:
    """A visit with whatever the hub has a line for: media, data both ways, data that are lost, a farewell."""
    async with running_agent(hub) as agent:
        alice = await join(hub, WHO)
        await alice.publish_tone()
        await alice.publish_colour(luma=120)
        await eventually(lambda: agent.peak(WHO) > 0 and agent.frames)
        await alice.send(WORDS[0], topic=TOPIC)
        await eventually(lambda: agent.texts(WHO, TOPIC))
        facts = await health_until(hub, lambda facts: WHO in facts["participants"])
        while not facts["participants"][WHO]["dropped_data_out"]:
            for _ in range(10):  # two of the largest may wait
                await agent.tell(WHO, TOPIC, WORDS[1] + bytes(MOST_BYTES - len(WORDS[1])))
            _, facts = await get_json(f"{hub.url}/health")
        await alice.leave()
        await eventually(lambda: WHO not in agent.endpoint.connected_participants)
        await agent.tell(WHO, TOPIC, WORDS[1])
        await health_until(hub, lambda facts: facts["ipc"]["dropped"].get("return data of nobody dropped"))


async def test_people_are_numbers_in_the_log_until_their_names_are_asked_for(
    make_hub: Callable[..., HubProcess], join: Callable[..., Any]
) -> None:
    hub = make_hub(max_data_bytes=MOST_BYTES, video_recording={"enabled": True, "out_dir": "recordings"})
    del hub.environment["XR_AI_VERBOSE"]
    hub.environment["XR_AI_LOG_FORMAT"] = "json"
    hub.start().wait_ready()
    await _everything_happens(hub, join)
    assert hub.stop() == 0

    entries = [json.loads(line) for line in hub.output.splitlines()]
    assert {entry["program"] for entry in entries} == {"xr_media_hub"}
    said = "\n".join(entry["message"] for entry in entries)
    for line in (
        "participant 1 joined",
        "participant 1: video track",
        "data to participant 1 on",
        "participant 1 left",
    ):
        assert line in said
    for personal in (WHO, TOPIC, *(words.decode() for words in WORDS)):
        assert personal not in hub.output

    hub.environment |= {"XR_AI_LOG_FORMAT": "text", "XR_AI_LOG_NAMES": "1"}
    before = len(hub.output)
    hub.start().wait_ready()
    await _everything_happens(hub, join)
    assert hub.stop() == 0
    named = hub.output[before:]

    assert f"participant 1 ({WHO}) joined" in named
    assert f"data to participant 1 ({WHO}) on '{TOPIC}' was lost" in named
    for words in WORDS:
        assert words.decode() not in named, "what people say is nobody's business, whoever asks"
