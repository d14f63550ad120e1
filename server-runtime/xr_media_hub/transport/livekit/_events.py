"""What LiveKit reports of a room: a name and what belongs to it."""

from typing import TypeAlias

from livekit import rtc

Event: TypeAlias = tuple[object, ...]
"""(name, *arguments) of a room event, in the order LiveKit reported it."""

DATA = ("data_received", "stream_opened")
"""The names of what participants send as fast as they like."""


def size_of(event: Event) -> int:
    """Return how many bytes of a participant's data the event holds."""
    match event:
        case (_, rtc.DataPacket() as packet):
            return len(packet.data)
    return 0


def discard(event: Event) -> None:
    """Let go of an event that nobody will handle: a stream takes memory until it is closed."""
    match event:
        case ("stream_opened", (rtc.ByteStreamReader() | rtc.TextStreamReader()) as reader, *_):
            reader.close()
