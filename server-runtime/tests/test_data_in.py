"""A stream of data as it comes in: it holds back its own topic only, and is given up when it stands still."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from livekit import rtc

from xr_media_hub._stats import ParticipantStats
from xr_media_hub._who import Who
from xr_media_hub.transport.livekit import _data_in
from xr_media_hub.transport.livekit._data_in import WAITING_BYTES_MOST, WAITING_PACKETS_MOST, DataIn

pytestmark = pytest.mark.anyio


@dataclass
class Slow:
    """A stream whose chunks come when the test says so."""

    topic: str
    chunks: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def info(self) -> rtc.ByteStreamInfo:
        return rtc.ByteStreamInfo("id", "", self.topic, 0, None, {}, "name")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self.chunks.get()) is not None:
            yield chunk

    @property
    def is_closed(self) -> bool:
        return self.closed.is_set()

    def close(self) -> None:
        self.closed.set()


async def test_a_stream_holds_back_its_own_topic_only() -> None:
    heard: list[tuple[str, bytes]] = []
    all_heard = asyncio.Event()

    async def push(topic: str, data: bytes) -> None:
        heard.append((topic, data))
        if len(heard) == 3:
            all_heard.set()

    data_in = DataIn(Who("alice", {}), push, ParticipantStats(), 1000)
    stream = Slow("scene")
    data_in.stream(stream)  # type: ignore[arg-type]
    await data_in.packet("scene", b"second")
    await data_in.packet("pose", b"at once")
    assert heard == [("pose", b"at once")]
    for part in (b"fi", b"rst", None):
        stream.chunks.put_nowait(part)
    await asyncio.wait_for(all_heard.wait(), 30)

    assert heard[1:] == [("scene", b"first"), ("scene", b"second")]
    assert stream.is_closed
    assert data_in.open_streams == 0


async def test_a_stream_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_data_in, "IDLE_LIMIT_S", 0.05)
    heard = asyncio.Event()

    async def push(_topic: str, _data: bytes) -> None:
        heard.set()

    counts = ParticipantStats()
    data_in = DataIn(Who("alice", {}), push, counts, 1000)
    stream = Slow("scene")
    data_in.stream(stream)  # type: ignore[arg-type]
    stream.chunks.put_nowait(b"half")
    await data_in.packet("scene", b"not held back for ever")
    await asyncio.wait_for(heard.wait(), 30)

    assert (counts.dropped_in, stream.is_closed) == (1, True)


async def test_what_waits_behind_streams_is_bounded_in_bytes_and_in_number() -> None:
    counts = ParticipantStats()
    data_in = DataIn(Who("alice", {}), _nowhere, counts, 1000)
    for topic in ("one", "two"):
        data_in.stream(Slow(topic))  # type: ignore[arg-type]
    large = bytes(60_000)
    for _ in range(WAITING_BYTES_MOST // len(large)):
        await data_in.packet("one", large)
    assert counts.dropped_in == 0
    await data_in.packet("two", large)
    assert counts.dropped_in == 1, "the limit is of one topic, not of the participant"
    data_in.stop()

    data_in.stream(Slow("one"))  # type: ignore[arg-type]
    for _ in range(WAITING_PACKETS_MOST + 3):
        await data_in.packet("one", b"")
    assert counts.dropped_in == 4
    data_in.stop()


async def test_a_topic_that_no_agent_could_get_is_refused_where_it_enters(caplog: pytest.LogCaptureFixture) -> None:
    counts = ParticipantStats()
    data_in = DataIn(Who("alice", {}), _nowhere, counts, 1000)
    topic = "x" * 257
    stream = Slow(topic)
    data_in.stream(stream)  # type: ignore[arg-type]
    for _ in range(3):
        await data_in.packet(topic, b"")

    assert (counts.dropped_in, stream.is_closed, data_in.open_streams) == (4, True, 0)
    assert len([line for line in caplog.messages if "data topic of 257 bytes" in line]) == 1


async def test_a_message_that_is_not_taken_leaves_nothing_behind() -> None:
    """Whatever ends a topic's turn, its next message finds a fresh one."""
    heard: list[bytes] = []
    all_heard = asyncio.Event()

    async def push(_topic: str, data: bytes) -> None:
        if data == b"first":
            raise RuntimeError("not taken")
        heard.append(data)
        if len(heard) == 2:
            all_heard.set()

    data_in = DataIn(Who("alice", {}), push, ParticipantStats(), 1000)
    first, second, third = (Slow("scene") for _ in range(3))
    data_in.stream(first)  # type: ignore[arg-type]
    await data_in.packet("scene", bytes(WAITING_BYTES_MOST))
    data_in.stream(second)  # type: ignore[arg-type]
    for part in (b"first", None):
        first.chunks.put_nowait(part)
    await asyncio.wait_for(second.closed.wait(), 30)
    assert data_in.open_streams == 0

    data_in.stream(third)  # type: ignore[arg-type]
    await data_in.packet("scene", b"after it")
    for part in (b"whole", None):
        third.chunks.put_nowait(part)
    await asyncio.wait_for(all_heard.wait(), 30)
    assert heard == [b"whole", b"after it"]


async def _nowhere(_topic: str, _data: bytes) -> None:
    pass
