"""Who has a signalling connection, and whether those without one are still there."""

import asyncio

import pytest
from livekit import api

from xr_media_hub.transport.livekit import _pulse
from xr_media_hub.transport.livekit._pulse import Pulse
from xr_media_hub.transport.livekit._signalling import Signalling

pytestmark = pytest.mark.anyio


def token(identity: str, room: str) -> str:
    grants = api.VideoGrants(room_join=True, room=room)
    return api.AccessToken("key", "s" * 32).with_identity(identity).with_grants(grants).to_jwt()


def test_the_first_connection_and_the_end_of_the_last_are_told() -> None:
    signalling, told = Signalling(), []
    signalling.watch("room", "alice", told.append)
    first = signalling.opened(token("alice", "room"))
    second = signalling.opened(token("alice", "room"))
    first()
    assert told == [True]
    second()
    assert told == [True, False]
    signalling.opened(token("alice", "room"))()
    assert told == [True, False, True, False]

    signalling.forget("room", "alice")
    signalling.opened(token("alice", "room"))()
    assert len(told) == 4


@pytest.mark.parametrize("other", [("alice", "another"), ("bob", "room")])
def test_a_connection_of_somebody_else_is_not_ones_own(other: tuple[str, str]) -> None:
    signalling, told = Signalling(), []
    signalling.watch("room", "alice", told.append)
    signalling.opened(token(*other))()

    assert told == []


@pytest.mark.parametrize("broken", ["", "a.b.c", "a.e30.c", "a.W10.c", "a.eyJ2aWRlbyI6IDF9.c"])
def test_a_token_that_says_nothing_concerns_nobody(broken: str) -> None:
    Signalling().opened(broken)()


async def test_signs_of_life_keep_whoever_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pulse, "_LOOK_S", 0.01)
    looks, signs = 0, 30
    silent = asyncio.Event()

    def heard() -> int:
        nonlocal looks
        looks += 1
        return min(looks, signs)

    pulse = Pulse(heard, silent.set)
    pulse.watch()
    assert looks == 0, "somebody with a connection, or without one of ours, is looked for"
    pulse.connection(is_open=False)
    await asyncio.wait_for(silent.wait(), 30)
    assert looks == signs + _pulse._LOOKS


async def test_whoever_is_connected_again_is_not_looked_for() -> None:
    silent = asyncio.Event()
    pulse = Pulse(lambda: 0, silent.set)
    pulse.connection(is_open=False)
    looking = pulse._looking
    assert looking is not None
    pulse.connection(is_open=True)
    await asyncio.wait({looking}, timeout=30)

    assert looking.cancelled()
    assert not pulse.is_cut
