"""What the hub says about itself on /health."""

import asyncio
import logging
from dataclasses import asdict
from typing import Any

from xr_ai_agent import HubEndpoint
from xr_media_hub._stats import HubStats
from xr_media_hub.transport.livekit import LiveKitAccess

logger = logging.getLogger(__name__)

# With the time one question may take, a server that hangs shows within two seconds.
_WATCH_PERIOD_S = 1.0


class Health:
    """Collects the facts; `livekit_answers` is kept up to date by whoever watches the server."""

    def __init__(self, hub: HubEndpoint, stats: HubStats) -> None:
        self.livekit_answers = True
        self._hub = hub
        self._stats = stats

    def facts(self) -> dict[str, Any]:
        """Return the health document; ``participants`` names people and is for this machine only."""
        ipc = self._hub.stats()
        return {
            "status": "ok" if self.livekit_answers else "media server unreachable",
            "participant_count": len(self._stats.participants),
            "joins": self._stats.joins,
            "agents": ipc.peers,
            "ipc": {
                "published": ipc.published,
                "video_tracks": ipc.video_tracks,
                "ring_bytes": ipc.ring_bytes,
                "dropped": ipc.counters,
            },
            "participants": {name: asdict(counts) for name, counts in self._stats.participants.items()},
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
