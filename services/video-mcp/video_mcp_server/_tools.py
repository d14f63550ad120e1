"""The live tools of the contract. With a recorder they keep their signatures and learn to look back."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from video_mcp_server._live import LiveFrames
from video_mcp_server._pictures import PictureFolder
from video_mcp_server._pixels import BadFrameError, to_rgb
from xr_ai_agent import FrameData
from xr_ai_program.mcp import Context, named_participant

logger = logging.getLogger(__name__)

_NS_PER_US = 1_000
_US_PER_S = 1_000_000
# Encoding is processor work; more at once than this would only slow each other down.
_ENCODERS = 2


class VideoTools:
    """A call that names a participant in its ``_meta`` sees that participant's camera and no other."""

    def __init__(self, live: LiveFrames, pictures: PictureFolder) -> None:
        self._live = live
        self._pictures = pictures
        self._encoders = asyncio.Semaphore(_ENCODERS)

    def all(self) -> list[Callable[..., Any]]:
        """Return the contract's tools."""
        return [self.list_live_participants, self.get_frame_from_time, self.get_latest_frame]

    def list_live_participants(self, ctx: Context) -> list[str]:
        """List the participants whose camera is on now."""
        caller = named_participant(ctx)
        return [name for name in self._live.participants() if caller in (None, name)]

    async def get_frame_from_time(
        self, ctx: Context, participant_id: str, second_ago: int = 0, reference_time_us: int = 0
    ) -> dict[str, Any]:
        """Save what a participant's camera showed and return {path, width, height, timestamp_us, ...}.

        second_ago: how long before reference_time_us (Unix microseconds; 0 is now). Only 0 and 0, the live picture,
        is available while recording is off.
        """
        if second_ago < 0 or reference_time_us < 0:
            return {"error": "second_ago and reference_time_us must not be negative"}
        if second_ago or reference_time_us:
            return {"error": "recording disabled — only second_ago=0 (live) is available"}
        saved = await self._save_live(ctx, participant_id, "ago0")
        if "error" in saved:
            return saved
        age_us = time.time_ns() // _NS_PER_US - saved["timestamp_us"]
        return {**saved, "second_ago": 0, "actual_second_ago": round(max(0, age_us) / _US_PER_S, 3)}

    async def get_latest_frame(self, ctx: Context, participant_id: str) -> dict[str, Any]:
        """Save what a participant's camera shows now and return {path, width, height, timestamp_us}."""
        return await self._save_live(ctx, participant_id, "latest")

    async def _save_live(self, ctx: Context, participant_id: str, kind: str) -> dict[str, Any]:
        caller = named_participant(ctx)
        frame = await self._live.fetch(participant_id) if caller in (None, participant_id) else None
        if frame is None:
            return {"error": f"No live frame available for '{participant_id}'"}
        try:
            async with self._encoders:
                path = await asyncio.to_thread(self._save, frame, kind)
        except (BadFrameError, OSError) as error:
            logger.warning("frame of %r not saved: %s", participant_id, error)
            return {"error": f"Frame not saved: {error}"}
        return {"path": str(path), "width": frame.width, "height": frame.height, "timestamp_us": frame.pts_us}

    def _save(self, frame: FrameData, kind: str) -> Path:
        return self._pictures.save(frame.participant_id, kind, frame.pts_us, to_rgb(frame))
