"""Data without a sender: held until the server has said who it can be, given to nobody when it can be two."""

import asyncio

import pytest

from xr_media_hub._errors import RoomUnavailable
from xr_media_hub.transport.livekit._events import Event
from xr_media_hub.transport.livekit._unattributed import _HELD_MOST, Unattributed

pytestmark = pytest.mark.anyio


class Room:
    """A shared room whose server answers when the test lets it."""

    def __init__(self) -> None:
        self.given: list[tuple[str, object]] = []
        self.lost = 0
        self.answer: asyncio.Future[set[str]] = asyncio.get_running_loop().create_future()
        self.held = Unattributed(self._ask, lambda who, event: self.given.append((who, event[1])), self._count)

    async def settle(self, answer: set[str] | RoomUnavailable) -> None:
        asking = self.held._asking
        assert asking is not None
        if isinstance(answer, set):
            self.answer.set_result(answer)
        else:
            self.answer.set_exception(answer)
        await asyncio.wait({asking})
        self.answer = asyncio.get_running_loop().create_future()

    async def _ask(self) -> set[str]:
        return await asyncio.shield(self.answer)

    def _count(self, count: int) -> None:
        self.lost += count


def packet(text: str) -> Event:
    return ("data_received", text)


async def test_data_of_the_only_newcomer_is_theirs_and_stays_in_order() -> None:
    room = Room()
    assert room.held.take(None, packet("1"))
    assert room.held.take("old", packet("2")), "it would have overtaken what came before it"
    assert room.held.take(None, packet("3"))
    await room.settle({"new"})

    assert room.given == [("new", "1"), ("old", "2"), ("new", "3")]
    assert room.lost == 0
    assert not room.held.take("old", packet("4")), "nothing holds it up any more"


async def test_who_was_announced_meanwhile_counts_as_well() -> None:
    room = Room()
    room.held.take(None, packet("1"))
    room.held.announced("new")
    await room.settle(set())

    assert room.given == [("new", "1")]


@pytest.mark.parametrize("answer", [{"a", "b"}, set(), RoomUnavailable("away")], ids=["two", "nobody", "no answer"])
async def test_what_cannot_be_told_apart_is_counted_and_given_to_nobody(
    answer: set[str] | RoomUnavailable, caplog: pytest.LogCaptureFixture
) -> None:
    room = Room()
    for text in ("1", "2"):
        room.held.take(None, packet(text))
    room.held.take("old", packet("3"))
    await room.settle(answer)

    assert room.given == [("old", "3")]
    assert room.lost == 2
    assert "2 data messages of somebody LiveKit has not announced yet were dropped" in caplog.text


async def test_what_is_held_is_bounded_and_does_not_outlive_the_room() -> None:
    room = Room()
    for number in range(_HELD_MOST + 7):
        room.held.take(None, packet(str(number)))
    assert room.lost == 7
    room.held.forget()

    assert room.lost == _HELD_MOST + 7
    assert room.given == []
