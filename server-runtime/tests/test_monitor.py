"""/health, /metrics and /status: everything for operators, nothing for others, and nobody's name."""

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

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


async def test_what_passes_is_counted_and_shown_without_names(
    hub: Any, agent: Any, join: Callable[..., Any], helpers: Any
) -> None:
    before = await metrics(hub)
    alice = await join(hub, "secretly-alice")
    await alice.publish_colour(luma=120)
    await alice.send(b"my words")
    await helpers.eventually(lambda: agent.texts("secretly-alice"))
    await agent.tell("secretly-alice", "agent.response", b"their words")
    await helpers.eventually(lambda: alice.data)
    facts = await helpers.health_until(hub, lambda facts: _video(facts, "secretly-alice").get("per_s", 0) > 5)

    now = await metrics(hub)
    assert now["xr_hub_data_in_total"] > before["xr_hub_data_in_total"]
    assert now["xr_hub_data_out_total"] > before["xr_hub_data_out_total"]
    assert now["xr_hub_joins_total"] > before["xr_hub_joins_total"]
    assert now["xr_hub_video_fps"] > 5
    assert now["xr_hub_ring_bytes"] > 320 * 240 * 1.5
    assert (now["xr_hub_livekit_up"], now["xr_hub_info.room"], now["xr_hub_queued.data_out"]) == (1, 1, 0)
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


async def test_totals_outlive_those_who_counted_them(
    hub: Any, agent: Any, join: Callable[..., Any], helpers: Any
) -> None:
    alice = await join(hub, "soon-gone")
    await alice.publish_tone()
    await helpers.eventually(lambda: agent.peak("soon-gone") > 0)
    heard = (await metrics(hub))["xr_hub_audio_chunks_total"]
    await alice.leave()
    await helpers.eventually(lambda: "soon-gone" not in agent.endpoint.connected_participants)

    assert (await metrics(hub))["xr_hub_audio_chunks_total"] >= heard > 0


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


async def test_others_hear_that_the_hub_lives_and_no_more(hub: Any, join: Callable[..., Any], helpers: Any) -> None:
    await join(hub, "unseen")
    status, facts = await helpers.get_json(f"{hub.url}/health", headers={"X-Forwarded-For": "192.0.2.7"})

    assert (status, facts) == (200, {"status": "ok"})


async def test_networks_that_were_named_may_look(proxied_hub: Any) -> None:
    for address, expected in (("198.51.100.9", 200), ("192.0.2.7", 403)):
        status, _, _ = await get(f"http://[::1]:{proxied_hub.web_port}/metrics", headers={"X-Forwarded-For": address})
        assert status == expected
