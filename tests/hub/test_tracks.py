"""Cameras as they are: in several layers, changing their size, and more than one of them at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from kit.hub import health_until

from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

LIMIT_S = 60.0


async def _luma_of(agent: Any, signal: Any) -> float:
    frame = await agent.endpoint.request_frame(signal, timeout=LIMIT_S)
    assert frame is not None
    assert len(frame.data) == frame.width * frame.height * 3 // 2
    return float(np.frombuffer(frame.data, np.uint8)[: frame.width * frame.height].mean())


def _newest(agent: Any, track_id: str) -> Any:
    return next((each for each in reversed(agent.frames) if each.track_id == track_id), None)


async def test_the_cameras_and_the_microphone_of_one_participant_are_tracks_of_their_own(
    hub: Any, agent: Any, join: Callable[..., Any]
) -> None:
    robot = await join(hub, "robot-eyes")
    lumas = {await robot.publish_colour(luma): luma for luma in (60, 120, 200)}
    microphone = await robot.publish_tone(level=0.4)

    await eventually(lambda: all(_newest(agent, track) for track in lumas), within_s=LIMIT_S)
    await eventually(lambda: agent.peak("robot-eyes") > 0.2, within_s=LIMIT_S)
    for track, luma in lumas.items():
        assert await _luma_of(agent, _newest(agent, track)) == pytest.approx(luma, abs=6)
    assert {each.track_id for each in agent.audio if each.participant_id == "robot-eyes"} == {microphone}
    for track in lumas:
        seqs = [each.seq for each in agent.frames if each.track_id == track]
        assert seqs == sorted(set(seqs)), "frames of one track were counted with another's"

    ended, *others = lumas
    await robot.room.local_participant.unpublish_track(ended)
    await health_until(
        hub,
        lambda facts: (
            len(facts["participants"]["robot-eyes"]["tracks"]) == 3 and facts["ipc"]["video_tracks"] == len(others)
        ),
    )
    for track in others:
        seen = _newest(agent, track).seq
        await eventually(lambda track=track, seen=seen: _newest(agent, track).seq > seen, within_s=LIMIT_S)


async def test_a_picture_that_changes_its_size_goes_on(hub: Any, agent: Any, join: Callable[..., Any]) -> None:
    """A phone that is turned: the same track, and pixels that fit what is said of them."""
    phone = await join(hub, "turned-phone")
    track = await phone.publish_colour(luma=150)
    for size in ((240, 320), (480, 360)):
        phone.sizes[track] = size

        def arrived(size: tuple[int, int] = size) -> bool:
            newest = _newest(agent, track)
            return newest is not None and (newest.width, newest.height) == size

        await eventually(arrived, within_s=LIMIT_S)
        assert await _luma_of(agent, _newest(agent, track)) == pytest.approx(150, abs=10)
    await health_until(hub, lambda facts: facts["ipc"]["video_tracks"] == 1)
    assert {each.track_id for each in agent.frames if each.participant_id == "turned-phone"} == {track}


async def test_a_camera_in_layers_is_one_track(hub: Any, agent: Any, join: Callable[..., Any]) -> None:
    """Simulcast: whichever layer the server sends, the pixels are those of the size that is told."""
    layered = await join(hub, "layered")
    track = await layered.publish_colour(luma=90, width=640, height=480, simulcast=True)

    await eventually(lambda: (newest := _newest(agent, track)) is not None and newest.width == 640, within_s=LIMIT_S)
    assert await _luma_of(agent, _newest(agent, track)) == pytest.approx(90, abs=6)
    frames = [each for each in agent.frames if each.participant_id == "layered"]
    assert {each.track_id for each in frames} == {track}
    sizes = {(each.width, each.height) for each in frames}
    assert all(width * 3 == height * 4 for width, height in sizes), sizes
