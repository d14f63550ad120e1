"""What the hub says about itself on /health."""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from xr_ai_agent import AgentStats, HubEndpoint
from xr_ai_agent import HubStats as IpcStats
from xr_media_hub._stats import HubStats
from xr_media_hub.transport.livekit import LiveKitAccess

logger = logging.getLogger(__name__)

# With the time one question may take, a server that hangs shows within two seconds.
_WATCH_PERIOD_S = 1.0
# What agents want dropped is no loss.
_CANCELLED = "speech cancelled by a flush"
# A reconnect that succeeds takes less; whoever is in a room that stays lost is not heard.
_LOST_LIMIT_S = 10.0
# Agents choose their names.
_NAME_CHARS = 64


class Health:
    """Collects the facts; `livekit_answers` is kept up to date by whoever watches the server."""

    def __init__(
        self,
        hub: HubEndpoint,
        stats: HubStats,
        isolation: str,
        recording: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        """``recording`` tells of the recorder, where there is one."""
        self.livekit_answers = True
        self._recording = recording
        self._hub = hub
        self._stats = stats
        self._isolation = isolation
        self._started_at_s = time.monotonic()

    def facts(self) -> dict[str, Any]:
        """Return the health document; ``participants`` names people and is for operators only."""
        ipc = self._hub.stats()
        members = self._stats.members
        return {
            "status": self._status(),
            "livekit_answers": self.livekit_answers,
            "rooms_lost": len(self._stats.lost_since_s),
            "uptime_s": round(time.monotonic() - self._started_at_s, 1),
            "isolation": self._isolation,
            "participant_count": len(members),
            "joins": self._stats.joins,
            "agents": ipc.peers,
            "agent_losses": _agents(ipc),
            "tasks": len(asyncio.all_tasks()),
            "totals": self._stats.totals(),
            "ipc": {
                "published": ipc.published,
                "video_tracks": ipc.video_tracks,
                "ring_bytes": ipc.ring_bytes,
                "dropped": {kind: count for kind, count in ipc.counters.items() if kind != _CANCELLED},
                "speech_cancelled": ipc.counters.get(_CANCELLED, 0),
            },
            "recording": self._recording() if self._recording else {"state": "off"},
            "participants": {
                name: {"number": each.number, **asdict(each.counts), "queues": asdict(each.queues())}
                for name, each in members.items()
            },
        }

    def _status(self) -> str:
        if not self.livekit_answers:
            return "media server unreachable"
        since_s = min(self._stats.lost_since_s.values(), default=math.inf)
        return "a room is lost" if time.monotonic() - since_s > _LOST_LIMIT_S else "ok"


def _agents(ipc: IpcStats) -> list[dict[str, Any]]:
    """What each agent did not get and how far behind it is, by its program's name; numbered among those of one name."""
    numbers: Counter[str] = Counter()
    found = []
    for agent in sorted(ipc.agents, key=lambda each: (each.name, each.agent_id)):
        name = agent.name[:_NAME_CHARS] or "unnamed"
        numbers[name] += 1
        shown = name if numbers[name] == 1 else f"{name} #{numbers[name]}"
        found.append({"agent": shown, "lost": dict(agent.lost), "undelivered": agent.undelivered, **_pulse(agent)})
    return found


def _pulse(agent: AgentStats) -> dict[str, Any]:
    """To how many participants an agent listens, not to whom; None for what it has not said yet."""
    pulse = agent.pulse
    if pulse is None:
        return {"lag_s": None, "heard_s_ago": None, "listens": {}}
    return {
        "lag_s": round(pulse.lag_s, 3),
        "heard_s_ago": round(pulse.heard_s_ago, 3),
        "listens": {"video": pulse.video, "audio": pulse.audio, "data": pulse.data},
    }


async def watch_server(access: LiveKitAccess, health: Health) -> None:
    """Show on /health whether LiveKit answers; a server of one's own may be away, and the hub's may hang."""
    while True:
        await asyncio.sleep(_WATCH_PERIOD_S)
        answers = await access.is_alive()
        if answers != health.livekit_answers:
            health.livekit_answers = answers
            logger.log(
                logging.INFO if answers else logging.ERROR,
                "the LiveKit server at %s %s",
                access.url,
                "answers again" if answers else "does not answer",
            )
