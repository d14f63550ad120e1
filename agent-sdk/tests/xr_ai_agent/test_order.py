"""The order an agent is promised: nothing of a session before its join or after its leave.

Through real sockets that run apart: the agents' two are held up in turn, so that either is ahead of the other.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xr_ai_agent import (
    AudioChunk,
    DataMessage,
    HubEndpoint,
    LocalConnector,
    ParticipantEvent,
    PixelFormat,
    ProcessorEndpoint,
)
from xr_ai_program.testing import eventually

SIDE_PX = 4
FRAME = bytes(PixelFormat.I420.frame_bytes(SIDE_PX, SIDE_PX))
DEADLINE_S = 20.0
PEOPLE = ("ann", "ben")
CONNECTORS = ("one", "two")
SOCKETS = ("contract", "video")

Told = tuple[str, int]
"""(what, number of its session); a join's and a leave's number is 0."""
Said = tuple[str, str, str]
"""(what, of whom, by which connector)."""


class Listener:
    """An agent that writes down what it is told, with plain and with coroutine callbacks."""

    def __init__(self, addresses: tuple[str, str], **options: Any) -> None:
        self.endpoint = ProcessorEndpoint(*addresses, **options)
        self.told: dict[str, list[Told]] = {person: [] for person in PEOPLE}
        self.endpoint.on_data(lambda m: self.told[m.participant_id].append(("data", m.pts_us)))
        self.endpoint.on_frame(lambda m: self.told[m.participant_id].append(("frame", m.pts_us)))
        self.endpoint.on_participant(self._on_event)
        self.endpoint.on_audio(self._on_audio)

    async def _on_event(self, event: ParticipantEvent) -> None:
        self.told[event.participant_id].append(("join" if event.joined else "leave", 0))

    async def _on_audio(self, chunk: AudioChunk) -> None:
        self.told[chunk.participant_id].append(("audio", chunk.pts_us))

    def pause(self, socket: str, paused: bool) -> None:
        """Let one of the sockets run behind: what comes waits in it."""
        link = self.endpoint._link
        line = link._sub if socket == "contract" else link.video._line
        (line.stop if paused else line.start)()

    def take(self, person: str) -> list[Told]:
        """Return what was told of a person, and forget it."""
        told, self.told[person] = self.told[person], []
        return told

    async def settle(self, socket: str) -> None:
        """Return when everything sent so far came through a socket."""
        link = self.endpoint._link
        await (link._markers if socket == "contract" else link.video.markers).wait()


@dataclass
class World:
    """A hub with two connectors in its process, and two agents, on one loop that runs during each test."""

    runner: asyncio.Runner
    hub: HubEndpoint
    listeners: list[Listener]
    connectors: dict[str, LocalConnector]
    sessions: Iterator[int] = field(default_factory=lambda: itertools.count(1))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        world, running = runner.run(_open(runner, Path(folder)))
        yield world
        for endpoint in (*(listener.endpoint for listener in world.listeners), world.hub):
            endpoint.close()
        runner.run(asyncio.wait(running))


async def _open(runner: asyncio.Runner, folder: Path) -> tuple[World, list[asyncio.Task[None]]]:
    pull, pub = f"ipc://{folder}/in", f"ipc://{folder}/pub"
    hub = HubEndpoint(pull, pub)
    listeners = [Listener((pub, pull)), Listener((pub, pull), auto_subscribe=False)]
    for person in PEOPLE:
        listeners[1].endpoint.subscribe(person)
    endpoints = (hub, *(listener.endpoint for listener in listeners))
    running = [asyncio.create_task(endpoint.run()) for endpoint in endpoints]
    async with asyncio.timeout(DEADLINE_S):
        for listener in listeners:
            await listener.endpoint.wait_connected()
    return World(runner, hub, listeners, {name: hub.connect_local(name) for name in CONNECTORS}), running


def says(*what: str) -> st.SearchStrategy[Said]:
    return st.tuples(st.sampled_from(what), st.sampled_from(PEOPLE), st.sampled_from(CONNECTORS))


# Which of the agents' sockets is held up, and what is said meanwhile.
rounds = st.tuples(
    st.sampled_from(["", *SOCKETS]),
    st.lists(says("join", "leave") | says("data", "audio", "frame"), min_size=1, max_size=8),
)


@settings(max_examples=100)
@given(plan=st.lists(rounds, max_size=6))
def test_each_session_is_whole_and_in_order_whichever_socket_is_ahead(
    world: World, plan: list[tuple[str, list[Said]]]
) -> None:
    sent = world.runner.run(_play(world, plan))
    for listener in world.listeners:
        for person in PEOPLE:
            _check(listener.take(person), sent[person])


async def _play(world: World, plan: list[tuple[str, list[Said]]]) -> dict[str, list[Told]]:
    """Say everything, let everybody leave; returns what was sent of each person."""
    sent: dict[str, list[Told]] = {person: [] for person in PEOPLE}
    here: dict[str, tuple[str, int]] = {}
    async with asyncio.timeout(DEADLINE_S):
        held_up = ""
        for socket, said in [*plan, ("", [("leave", person, name) for person in PEOPLE for name in CONNECTORS])]:
            for change, paused in ((held_up, False), (socket, True)) if socket != held_up else ():
                for listener in world.listeners if change else ():
                    listener.pause(change, paused)
            held_up = socket
            for what, who, connector in said:
                await _say(world, what, who, connector, here, sent[who])
            await _settle(world, held_up)
    return sent


async def _settle(world: World, held_up: str) -> None:
    for socket in SOCKETS:
        for listener in world.listeners if socket != held_up else ():
            await listener.settle(socket)


async def _say(
    world: World, what: str, who: str, connector: str, here: dict[str, tuple[str, int]], sent: list[Told]
) -> None:
    owner, session = here.get(who, ("", 0))
    if what == "join" and owner != connector:
        # The other connector takes over: the session ends, and another begins.
        sent += [("leave", 0), ("join", 0)] if owner else [("join", 0)]
        here[who] = (connector, next(world.sessions))
        # Connectors date joins by clocks that may stand still or go back.
        await world.connectors[connector].notify_participant_joined(who, 1)
        return
    at = world.connectors[connector]
    if owner == connector and what != "join":
        sent.append((what, 0 if what == "leave" else session))
    match what:
        case "leave":
            if owner == connector:
                del here[who]
            await at.notify_participant_left(who, 1)
        case "data":
            await at.push_data(DataMessage(who, "t", session, b""))
        case "audio":
            await at.push_audio(AudioChunk(session, 48_000, 1, 1, bytes(4), who, "mic"))
        case "frame":
            await at.push_frame(who, "cam", PixelFormat.I420, SIDE_PX, SIDE_PX, session, FRAME)


def test_a_frame_that_overtook_its_join_is_shown_after_it(world: World) -> None:
    told = _tell(world, [("contract", [("join", "ann", "one"), ("frame", "ann", "one"), ("leave", "ann", "one")])])
    assert told == [[("join", 0), ("frame", 1), ("leave", 0)]] * 2


def test_the_last_frame_before_a_leave_is_shown_before_it_and_nothing_of_the_next_session(world: World) -> None:
    said = ("join", "frame", "leave", "join", "data")
    told = _tell(world, [("video", [(what, "ann", "one") for what in said])])
    assert told == [[("join", 0), ("frame", 1), ("leave", 0), ("join", 0), ("data", 2), ("leave", 0)]] * 2


def test_a_list_from_before_a_session_does_not_end_it_before_its_last_frame(world: World) -> None:
    """The sockets are compared once a second: the hub may have answered just before somebody came and went."""

    async def play() -> None:
        links = [listener.endpoint._link for listener in world.listeners]
        for listener in world.listeners:
            listener.pause("video", True)
        answered = world.hub._sockets.video.published + len(links)
        asked = [asyncio.create_task(link.video.markers.wait()) for link in links]
        await eventually(lambda: world.hub._sockets.video.published >= answered)
        async with asyncio.timeout(DEADLINE_S):
            for what in ("join", "frame", "leave"):
                await _say(world, what, "ann", "one", here, [])
            for listener in world.listeners:
                await listener.settle("contract")
                assert listener.endpoint._attendance.is_apart
                listener.pause("video", False)
                await listener.settle("video")
            await asyncio.gather(*asked)

    here: dict[str, tuple[str, int]] = {}
    world.sessions = itertools.count(1)
    world.runner.run(play())
    assert [listener.take("ann") for listener in world.listeners] == [[("join", 0), ("frame", 1), ("leave", 0)]] * 2


def _tell(world: World, plan: list[tuple[str, list[Said]]]) -> list[list[Told]]:
    world.sessions = itertools.count(1)
    world.runner.run(_play(world, plan))
    return [listener.take("ann") for listener in world.listeners]


def _check(told: list[Told], sent: list[Told]) -> None:
    reliable = [each for each in told if each[0] != "frame"]
    assert reliable == [each for each in sent if each[0] != "frame"]
    # Their order among sound and data is not promised.
    frames = [each for each in told if each[0] in ("frame", "join", "leave")]
    assert frames == [each for each in sent if each[0] in ("frame", "join", "leave")]
