"""A stream of data as it comes in: it holds back its own topic only, and is given up when it stands still."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from livekit import rtc

from xr_media_hub._stats import ParticipantStats
from xr_media_hub._who import Who
from xr_media_hub.transport.livekit import _data_in
from xr_media_hub.transport.livekit._data_in import DataIn

pytestmark = pytest.mark.anyio


@dataclass
class Slow:
    """A stream whose chunks come when the test says so."""

    topic: str
    chunks: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)
    is_closed: bool = False

    @property
    def info(self) -> rtc.ByteStreamInfo:
        return rtc.ByteStreamInfo("id", "", self.topic, 0, None, {}, "name")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self.chunks.get()) is not None:
            yield chunk

    def close(self) -> None:
        self.is_closed = True


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
    await asyncio.wait_for(all_heard.wait(), 5)

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
    await asyncio.wait_for(heard.wait(), 5)

    assert (counts.dropped_in, stream.is_closed) == (1, True)
