"""Where head poses come from: a fixed one, or what each participant's page or robot says through the hub."""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from xr_ai_agent import DataMessage, ParticipantEvent, ProcessorEndpoint
from xr_ai_program.mcp import Participants
from xr_ai_spatial import HeadPose, Quaternion, Vec3

logger = logging.getLogger(__name__)

_POSE_TOPIC = "view.pose"
_REQUEST_TOPIC = "view.request"
_NS_PER_MS = 1_000_000
_NS_PER_US = 1_000
# The first pose is sent at the moment of joining, before this program can hear its sender: it is asked for again.
_REQUEST_PERIOD_S = 1.0


class NoPoseError(Exception):
    """There is no pose of that participant now; the message says why."""


@dataclass(frozen=True, slots=True)
class TimedPose:
    """A pose and when it was heard: ``heard_ms`` in wall-clock milliseconds, ``age_ms`` since then."""

    pose: HeadPose
    heard_ms: int
    age_ms: int


class PoseSource(Protocol):
    """Knows where heads are."""

    name: str

    def pose_of(self, participant_id: str) -> TimedPose:
        """Return the newest pose. Raises NoPoseError."""
        ...


class FixedPoses:
    """Everybody stands in one configured place: for tests, evals and robots that do not move."""

    name = "fixed"

    def __init__(self, pose: HeadPose) -> None:
        self._pose = pose

    def pose_of(self, participant_id: str) -> TimedPose:
        """Return the configured pose, as of now."""
        return TimedPose(self._pose, time.time_ns() // _NS_PER_MS, 0)


class HubPoses:
    """Keeps the newest ``view.pose`` of everybody connected.

    A pose is sent on change, so an old one is a head that keeps still; it ends when its owner leaves.
    """

    name = "hub"

    def __init__(self, hub: ProcessorEndpoint, participants: Participants) -> None:
        self._hub = hub
        self._participants = participants
        self._has_joiner = asyncio.Event()
        hub.on_participant(self._on_participant)
        hub.on_data(self._on_data)
        self._poses: dict[str, tuple[HeadPose, int, int]] = {}
        self._complained: set[str] = set()

    def pose_of(self, participant_id: str) -> TimedPose:
        """Return the newest pose of a participant. Raises NoPoseError."""
        known = self._poses.get(participant_id)
        if known is None:
            is_here = participant_id in self._participants.connected
            what = f"has not sent a usable {_POSE_TOPIC} yet" if is_here else "is not connected"
            raise NoPoseError(f"participant {participant_id!r} {what}")
        pose, heard_ms, heard_ns = known
        return TimedPose(pose, heard_ms, (time.monotonic_ns() - heard_ns) // _NS_PER_MS)

    async def run(self) -> None:
        """Ask those whose pose is not known for it, until cancelled."""
        while True:
            for participant_id in [name for name in self._participants.connected if name not in self._poses]:
                await self._hub.send_return_data(
                    DataMessage(participant_id, _REQUEST_TOPIC, time.time_ns() // _NS_PER_US, b"")
                )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_joiner.wait(), _REQUEST_PERIOD_S)
            self._has_joiner.clear()

    def _on_participant(self, event: ParticipantEvent) -> None:
        if event.joined:
            self._participants.joined(event.participant_id)
            self._has_joiner.set()
        else:
            self._participants.left(event.participant_id)
            self._poses.pop(event.participant_id, None)
            self._complained.discard(event.participant_id)

    def _on_data(self, message: DataMessage) -> None:
        if message.topic != _POSE_TOPIC:
            return
        try:
            pose = parse_pose(message.data)
        except ValueError as error:
            # Once per participant: a page that is wrong is wrong ten times a second.
            if message.participant_id not in self._complained:
                self._complained.add(message.participant_id)
                logger.warning("%s from %r ignored: %s", _POSE_TOPIC, message.participant_id, error)
            return
        self._poses[message.participant_id] = (pose, time.time_ns() // _NS_PER_MS, time.monotonic_ns())


def parse_pose(data: bytes) -> HeadPose:
    """Return the pose in the JSON of a ``view.pose`` message.

    Raises:
        ValueError: it is not JSON, or not a position and an orientation of finite numbers.
    """
    try:
        message = json.loads(data)
    except RecursionError:
        raise ValueError("the JSON is nested too deep") from None
    if not isinstance(message, dict):
        raise ValueError("expected a JSON object with position and orientation")
    position = _numbers(message, "position", ("x", "y", "z"))
    orientation = _numbers(message, "orientation", ("x", "y", "z", "w"))
    return HeadPose(Vec3(*position), Quaternion(*orientation))


def _numbers(message: dict[str, object], key: str, parts: Sequence[str]) -> list[float]:
    value = message.get(key)
    is_number = isinstance(value, list) and all(isinstance(part, int | float) for part in value)
    if not isinstance(value, list) or not is_number or len(value) != len(parts):
        raise ValueError(f"{key} is {value!r:.80}; expected [{', '.join(parts)}]")
    try:
        return [float(part) for part in value]
    except OverflowError:
        raise ValueError(f"{key} holds a number that is too large") from None
