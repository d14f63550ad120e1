"""The hub's facts as Prometheus metrics; no name of a participant is among them."""

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ("metrics_registry",)

_GAUGES = {
    "participants": ("Participants who are connected", "participant_count"),
    "agents": ("Agents that listen", "agents"),
    "rooms_lost": ("Rooms that the hub has lost and is on its way back to", "rooms_lost"),
    "tasks": ("Tasks of the event loop", "tasks"),
    "uptime_seconds": ("Seconds since the hub started", "uptime_s"),
}
_TOTALS = {
    "video_frames": "Video frames from participants",
    "audio_chunks": "Audio chunks from participants",
    "data_in": "Data messages from participants",
    "data_out": "Data messages to participants",
    "return_audio_chunks": "Audio chunks to participants",
    "flushes": "Times an agent's speech was cut short",
}
_RECORDED = {
    "written": "Pictures and chunks of sound that were recorded",
    "dropped": "Pictures and chunks of sound that were not recorded: the encoder was busy, or the disk full",
    "deleted": "Recordings that were deleted for newer ones",
}
_DROPPED = {"dropped_in": "in", "dropped_data_out": "data_out", "dropped_audio_out": "audio_out"}


def metrics_registry(facts: Callable[[], dict[str, Any]]) -> CollectorRegistry:
    """Return a registry whose metrics are read from ``facts`` (see `Health.facts`) when they are asked for."""
    registry = CollectorRegistry()
    registry.register(_HubCollector(facts))
    ProcessCollector(registry=registry)
    return registry


class _HubCollector(Collector):
    def __init__(self, facts: Callable[[], dict[str, Any]]) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        facts = self._facts()
        yield InfoMetricFamily("xr_hub", "How this hub is set up", {"isolation": facts["isolation"]})
        yield GaugeMetricFamily("xr_hub_livekit_up", "Whether LiveKit answers", facts["livekit_answers"])
        for name, (text, key) in _GAUGES.items():
            yield GaugeMetricFamily(f"xr_hub_{name}", text, facts[key])
        yield CounterMetricFamily("xr_hub_joins", "Joins since the start", facts["joins"])
        for name, text in _TOTALS.items():
            yield CounterMetricFamily(f"xr_hub_{name}", text, facts["totals"][name])
        dropped = {kind: facts["totals"][name] for name, kind in _DROPPED.items()}
        yield _labelled(CounterMetricFamily, "xr_hub_dropped", "Lost between hub and participants", "way", dropped)
        yield from _ipc(facts["ipc"])
        yield from _agents(facts["agent_losses"])
        yield from _recording(facts["recording"])
        yield from _present(list(facts["participants"].values()))


def _ipc(ipc: dict[str, Any]) -> Iterator[Metric]:
    yield CounterMetricFamily("xr_hub_ipc_published", "Messages published to agents", ipc["published"])
    yield GaugeMetricFamily("xr_hub_video_tracks", "Video tracks in memory", ipc["video_tracks"])
    yield GaugeMetricFamily("xr_hub_ring_bytes", "Shared memory of video tracks", ipc["ring_bytes"])
    cancelled = ipc["speech_cancelled"]
    yield CounterMetricFamily("xr_hub_speech_cancelled", "Chunks of speech that an agent's flush overtook", cancelled)
    text = "Lost or refused between hub and agents"
    yield _labelled(CounterMetricFamily, "xr_hub_ipc_dropped", text, "reason", ipc["dropped"])


def _agents(agents: list[dict[str, Any]]) -> Iterator[Metric]:
    lost = CounterMetricFamily("xr_hub_agent_lost", "What an agent did not get, as it says", labels=["agent", "kind"])
    full = CounterMetricFamily("xr_hub_agent_undelivered", "Answers an agent's queue had no room for", labels=["agent"])
    lag = GaugeMetricFamily("xr_hub_agent_lag_seconds", "How far behind the hub an agent is", labels=["agent"])
    silent = GaugeMetricFamily("xr_hub_agent_silent_seconds", "Since when an agent says nothing", labels=["agent"])
    listens = GaugeMetricFamily("xr_hub_agent_listens", "Participants an agent listens to", labels=["agent", "kind"])
    for each in agents:
        full.add_metric([each["agent"]], each["undelivered"])
        if each["lag_s"] is not None:
            lag.add_metric([each["agent"]], each["lag_s"])
            silent.add_metric([each["agent"]], each["heard_s_ago"])
        for kind, count in each["listens"].items():
            listens.add_metric([each["agent"], kind], count)
        for kind, count in each["lost"].items():
            lost.add_metric([each["agent"], kind], count)
    yield from (lost, full, lag, silent, listens)


def _recording(recording: dict[str, Any]) -> Iterator[Metric]:
    is_on = recording["state"] == "recording"
    yield GaugeMetricFamily("xr_hub_recording_up", "Whether everything that comes is recorded", is_on)
    if recording["state"] == "off":
        return
    yield GaugeMetricFamily("xr_hub_recording_bytes", "Size of all recordings", recording["bytes"])
    yield GaugeMetricFamily("xr_hub_recording_tracks", "Tracks that are being recorded", recording["tracks"])
    for name, text in _RECORDED.items():
        yield CounterMetricFamily(f"xr_hub_recording_{name}", text, recording[name])


def _present(members: list[dict[str, Any]]) -> Iterator[Metric]:
    rates = [track["per_s"] for each in members for track in each["tracks"].values() if track["kind"] == "video"]
    yield GaugeMetricFamily("xr_hub_video_fps", "Frames per second of all video tracks", sum(rates))
    yield GaugeMetricFamily("xr_hub_video_fps_min", "Frames per second of the slowest one", min(rates, default=0.0))
    names = ("events", "data_out", "streams_in", "speech_s")
    depths = {name: sum(each["queues"][name] for each in members) for name in names}
    yield _labelled(GaugeMetricFamily, "xr_hub_queued", "What waits, over all participants", "queue", depths)


def _labelled(
    family: type[CounterMetricFamily] | type[GaugeMetricFamily],
    name: str,
    text: str,
    label: str,
    values: dict[str, float],
) -> Metric:
    metric = family(name, text, labels=[label])
    for value, number in values.items():
        metric.add_metric([value], number)
    return metric
