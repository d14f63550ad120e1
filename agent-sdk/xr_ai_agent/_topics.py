"""The first part of every published message. The dot after an id ends it: a subscription matches byte prefixes."""

PARTICIPANT = b"participant"
CONTROL = b"control"
HUB = b"_hub."

# The first segments of what belongs to a participant; their id and a dot follow.
VIDEO = b"video"
VIDEO_DATA = b"video_data"
AUDIO = b"audio"
DATA = b"data"

_INBOX_PREFIX = b"_inbox."


def video(participant_id: str, track_id: str) -> bytes:
    """Frame signals of a track."""
    return f"video.{participant_id}.{track_id}".encode()


def video_data(participant_id: str, track_id: str) -> bytes:
    """Broadcast pixels (v0.1)."""
    return f"video_data.{participant_id}.{track_id}".encode()


def audio(participant_id: str, track_id: str) -> bytes:
    """Audio chunks."""
    return f"audio.{participant_id}.{track_id}".encode()


def data(participant_id: str, topic: str) -> bytes:
    """Data messages."""
    return f"data.{participant_id}.{topic}".encode("utf-8", "surrogatepass")


def return_audio(participant_id: str) -> bytes:
    """Speech to a participant."""
    return f"return_audio.{participant_id}.".encode()


def return_audio_flush(participant_id: str) -> bytes:
    """Stop of the speech to a participant."""
    return f"return_audio_flush.{participant_id}.".encode()


def return_data(participant_id: str, topic: str = "") -> bytes:
    """Data to a participant."""
    return f"return_data.{participant_id}.{topic}".encode("utf-8", "surrogatepass")


def inbox(endpoint_id: str) -> bytes:
    """Messages for one agent or connector alone; its subscription tells the hub that it is there."""
    return _INBOX_PREFIX + endpoint_id.encode() + b"."


def inbox_owner(topic: bytes) -> str | None:
    """Return whose inbox a topic is, or None for any other topic."""
    if not topic.startswith(_INBOX_PREFIX) or not topic.endswith(b"."):
        return None
    return topic[len(_INBOX_PREFIX) : -1].decode("ascii", "replace")
