"""Which names may cross the hub: a participant id becomes a topic segment, a file name and a LiveKit identity."""

import re
from functools import lru_cache

from xr_ai_agent._errors import InvalidIdError

# No dot: it ends the id's segment in a topic, so "a" would receive everything of "a.b".
_PARTICIPANT = re.compile(r"[A-Za-z0-9_@-]{1,64}", re.ASCII)
_CONNECTOR = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_TRACK = re.compile(r"[!-~]{1,128}", re.ASCII)
# A POSIX shared-memory name that stays inside its folder.
_SHM_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_TOPIC_MAX_BYTES = 256
# The same few ids come with every message. (A refusal raises, and is not remembered.)
_remembered = lru_cache(maxsize=4096)


@_remembered
def validate_participant_id(participant_id: str) -> str:
    """Return the id if it is 1–64 letters, digits, ``_``, ``-`` or ``@`` (ASCII).

    Raises:
        InvalidIdError: otherwise; the message says what is allowed.
    """
    if not _PARTICIPANT.fullmatch(participant_id):
        raise InvalidIdError(
            f"participant id {participant_id!r:.80}: expected 1 to 64 letters, digits, '_', '-' or '@'"
        )
    return participant_id


@_remembered
def validate_track_id(track_id: str) -> str:
    """Return the id if it is 1–128 printable ASCII characters without spaces; raises InvalidIdError."""
    if not _TRACK.fullmatch(track_id):
        raise InvalidIdError(f"track id {track_id!r:.80}: expected 1 to 128 printable characters, no spaces")
    return track_id


def validate_connector_id(connector_id: str) -> str:
    """Return the id if it is 1–64 letters, digits, ``_`` or ``-``; raises InvalidIdError."""
    if not _CONNECTOR.fullmatch(connector_id):
        raise InvalidIdError(f"connector id {connector_id!r:.80}: expected 1 to 64 letters, digits, '_' or '-'")
    return connector_id


def validate_shm_name(name: str) -> str:
    """Return the name if it cannot leave the shared-memory folder; raises InvalidIdError."""
    if not _SHM_NAME.fullmatch(name):
        raise InvalidIdError(f"shared memory name {name!r:.80}: expected 1 to 128 letters, digits, '_' or '-'")
    return name


@_remembered
def validate_topic(topic: str) -> str:
    """Return a data topic of at most 256 bytes (the empty one is legal); raises InvalidIdError."""
    size = len(topic.encode("utf-8", "surrogatepass"))
    if size > _TOPIC_MAX_BYTES:
        raise InvalidIdError(f"data topic of {size} bytes: at most {_TOPIC_MAX_BYTES}")
    return topic
