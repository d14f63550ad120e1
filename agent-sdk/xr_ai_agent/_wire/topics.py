"""The first part of every published message. The dot after an id ends it: a subscription matches byte prefixes."""

from functools import lru_cache

# Computed once per track or participant; more than a full hub has.
_remembered = lru_cache(maxsize=4096)

PARTICIPANT = b"participant"
CONTROL = b"control"
HUB = b"_hub."
TICK = b"_tick."

# The first segments of what belongs to a participant; their id and a dot follow.
VIDEO = b"video"
VIDEO_DATA = b"video_data"
AUDIO = b"audio"
DATA = b"data"
RETURN_AUDIO = b"return_audio"
RETURN_DATA = b"return_data"

_INBOX_PREFIX = b"_inbox."


@_remembered
def video(participant_id: str, track_id: str) -> bytes:
    """Frame signals of a track."""
    return f"video.{participant_id}.{track_id}".encode()


def video_data(participant_id: str, track_id: str) -> bytes:
    """Broadcast pixels (v0.1)."""
    return f"video_data.{participant_id}.{track_id}".encode()


@_remembered
def audio(participant_id: str, track_id: str) -> bytes:
    """Audio chunks."""
    return f"audio.{participant_id}.{track_id}".encode()


def data(participant_id: str, topic: str) -> bytes:
    """Data messages."""
    return f"data.{participant_id}.{topic}".encode("utf-8", "surrogatepass")


@_remembered
def return_audio(participant_id: str) -> bytes:
    """Speech to a participant."""
    return f"return_audio.{participant_id}.".encode()


@_remembered
def stream(kind: bytes, participant_id: str) -> bytes:
    """What the hub announces counts of: all sound, or all data, from or to a participant."""
    return kind + f".{participant_id}.".encode()


def return_audio_flush(participant_id: str) -> bytes:
    """Stop of the speech to a participant."""
    return f"return_audio_flush.{participant_id}.".encode()


def return_data(participant_id: str, topic: str = "") -> bytes:
    """Data to a participant."""
    return f"return_data.{participant_id}.{topic}".encode("utf-8", "surrogatepass")


def inbox(endpoint_id: str, marker: str = "") -> bytes:
    """Messages for one agent or connector alone; its subscription tells the hub that it is there.

    With a ``marker``, a subscription made after others: when the hub sees it, it has seen those. (ZeroMQ repeats
    subscriptions in any order when it connects, so that of the inbox itself proves nothing.)
    """
    return _INBOX_PREFIX + f"{endpoint_id}.{marker}".encode() + (b"." if marker else b"")


def parse_inbox(topic: bytes) -> tuple[str, str] | None:
    """Return (endpoint id, marker) of an inbox topic, or None for any other topic."""
    if not topic.startswith(_INBOX_PREFIX) or not topic.endswith(b"."):
        return None
    endpoint_id, _, marker = topic[len(_INBOX_PREFIX) : -1].decode("ascii", "replace").partition(".")
    return endpoint_id, marker
