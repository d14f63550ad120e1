"""/health, /metrics and /status: everything for operators, nothing for others, and nobody's name."""

import asyncio
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from kit.agents import running_agent
from kit.hub import get_json, health_until
from prometheus_client.parser import text_string_to_metric_families

from xr_ai_agent import AudioChunk
from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

PATHS = ("/metrics", "/status")


async def get(url: str, **options: Any) -> tuple[int, str, Any]:
    async with aiohttp.ClientSession() as session, session.get(url, **options) as reply:
        return reply.status, await reply.text(), reply.headers


async def metrics(hub: Any) -> dict[str, float]:
    """Every sample by its name and label values."""
    status, text, headers = await get(f"{hub.url}/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain")
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {".".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


async def test_what_passes_is_counted_and_shown_without_names(hub: Any, agent: Any, join: Callable[..., Any]) -> None:
    before = await metrics(hub)
    alice = await join(hub, "secretly-alice")
    await alice.publish_colour(luma=120)
    await alice.send(b"my words")
    await eventually(lambda: agent.texts("secretly-alice"))
    await agent.tell("secretly-alice", "agent.response", b"their words")
    await eventually(lambda: alice.data)
    facts = await health_until(hub, lambda facts: _video(facts, "secretly-alice").get("per_s", 0) > 5)

    async def shown() -> dict[str, float] | None:
        now = await metrics(hub)
        return now if now["xr_hub_video_fps"] > 5 and now["xr_hub_queued.data_out"] == 0 else None

    now = await eventually(shown, "the camera, and that all data were sent")
    assert now["xr_hub_data_in_total"] > before["xr_hub_data_in_total"]
    assert now["xr_hub_data_out_total"] > before["xr_hub_data_out_total"]
    assert now["xr_hub_joins_total"] > before["xr_hub_joins_total"]
    assert now["xr_hub_ring_bytes"] > 320 * 240 * 1.5
    assert (now["xr_hub_livekit_up"], now["xr_hub_info.room"]) == (1, 1)
    assert now["process_resident_memory_bytes"] > 10e6
    assert now["xr_hub_agents"] >= 1
    assert now["xr_hub_tasks"] > 3

    _, page, headers = await get(f"{hub.url}/status")
    number = facts["participants"]["secretly-alice"]["number"]
    assert f"<td>{number}<td>video<td>" in page
    assert "320 × 240" in page
    assert 'http-equiv="refresh"' in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    _, text, _ = await get(f"{hub.url}/metrics")
    for shown in (page, text):
        for personal in ("secretly-alice", "my words", "their words"):
            assert personal not in shown


def _video(facts: Any, name: str) -> dict[str, Any]:
    tracks = facts["participants"].get(name, {}).get("tracks", {}).values()
    return next((track for track in tracks if track["kind"] == "video"), {})


async def test_totals_outlive_those_who_counted_them(hub: Any, agent: Any, join: Callable[..., Any]) -> None:
    alice = await join(hub, "soon-gone")
    await alice.publish_tone()
    await eventually(lambda: agent.peak("soon-gone") > 0)
    heard = (await metrics(hub))["xr_hub_audio_chunks_total"]
    await alice.leave()
    await eventually(lambda: "soon-gone" not in agent.endpoint.connected_participants)

    assert (await metrics(hub))["xr_hub_audio_chunks_total"] >= heard > 0


async def test_what_each_agent_lost_is_shown_by_its_program(
    hub: Any, join: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Two agents of one name that fail at a message each; a third that has lost nothing."""

    def fail(_: object) -> None:
        raise ValueError("a fault of the agent's own")

    async with AsyncExitStack() as stack:
        clumsy = [await stack.enter_async_context(running_agent(hub, name="clumsy <b>")) for _ in range(2)]
        await stack.enter_async_context(running_agent(hub, name="careful"))
        for agent in clumsy:
            agent.endpoint.on_data(fail)
        alice = await join(hub, "agents-friend")
        await eventually(lambda: all("agents-friend" in each.endpoint.connected_participants for each in clumsy))
        await alice.send(b"catch")
        await health_until(
            hub, lambda facts: [agent for agent in facts["agent_losses"] if agent["lost"].get("callback failed")][1:]
        )
        await health_until(hub, lambda facts: all(agent["listens"].get("data") for agent in facts["agent_losses"]))
        now = await metrics(hub)
        _, page, _ = await get(f"{hub.url}/status")

    for name in ("clumsy <b>", "clumsy <b> #2"):
        assert now[f"xr_hub_agent_lost_total.{name}.callback failed"] == 1
    assert "xr_hub_agent_lost_total.careful.callback failed" not in now
    assert "<td>clumsy &lt;b&gt; #2<td>callback failed<td>1" in page
    assert "<td>careful<td>nothing<td>" in page
    for name in ("clumsy <b>", "clumsy <b> #2", "careful"):
        assert now[f"xr_hub_agent_lag_seconds.{name}"] < 10
        assert now[f"xr_hub_agent_silent_seconds.{name}"] < 10
        assert now[f"xr_hub_agent_listens.{name}.data"] >= 1
    assert re.search(r"<td>careful<td>\d+<td>\d+<td>[1-9]\d*<td>\d+\.\d s<td>\d+ s ago", page)


async def test_speech_that_a_flush_cancels_is_counted_and_no_loss(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    await join(hub, "cut-short")
    await eventually(lambda: "cut-short" in agent.endpoint.connected_participants)
    chunk = AudioChunk(0, 48_000, 1, 480, bytes(4 * 480), "cut-short", "voice")
    facts: dict[str, Any] = {"ipc": {"speech_cancelled": 0}}
    while not facts["ipc"]["speech_cancelled"]:  # the flush overtakes what the hub has not read yet
        sends = [asyncio.ensure_future(agent.endpoint.send_return_audio(chunk)) for _ in range(2_000)]
        await asyncio.sleep(0)
        assert await agent.endpoint.flush_return_audio("cut-short")
        await asyncio.gather(*sends)
        facts = await health_until(hub, lambda facts: facts["ipc"]["dropped"] is not None)
    now = await metrics(hub)
    _, page, _ = await get(f"{hub.url}/status")

    assert now["xr_hub_speech_cancelled_total"] > 0
    assert [name for name in (*now, *facts["ipc"]["dropped"]) if "cancelled by a flush" in name] == []
    assert "cancelled by a flush" not in page
    assert re.search(r"Speech cut short</span><b>[1-9]\d* chunks<", page)


async def test_the_log_says_now_and_then_how_the_hub_is(hub: Any, join: Callable[..., Any]) -> None:
    alice = await join(hub, "stats-alice")
    await alice.publish_tone()
    await eventually(lambda: re.search(r"stats participants=[1-9]\d* agents=\d+ .*livekit=ok", hub.output))

    lines = [line for line in hub.output.splitlines() if " stats participants=" in line]
    assert not [line for line in lines if "alice" in line]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "192.0.2.7"},
        {"Via": "1.1 a proxy that names nobody"},
        {"Host": "rebound.example:8080"},
    ],
    ids=["through a proxy", "through a silent proxy", "by another name"],
)
async def test_only_this_machine_looks_inside(hub: Any, path: str, headers: dict[str, str]) -> None:
    status, text, _ = await get(f"{hub.url}{path}", headers=headers)

    assert status == 403
    assert "status_networks" in text


async def test_others_hear_that_the_hub_lives_and_no_more(hub: Any, join: Callable[..., Any]) -> None:
    await join(hub, "unseen")
    status, facts = await get_json(f"{hub.url}/health", headers={"X-Forwarded-For": "192.0.2.7"})

    assert (status, facts) == (200, {"status": "ok"})


async def test_networks_that_were_named_may_look(proxied_hub: Any) -> None:
    for address, expected in (("198.51.100.9", 200), ("192.0.2.7", 403)):
        status, _, _ = await get(f"http://[::1]:{proxied_hub.web_port}/metrics", headers={"X-Forwarded-For": address})
        assert status == expected
