"""The messages of the wire: ids, pixel formats and one dataclass per payload."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Any

AGENT_STATUS_TOPIC = "_agent.status"
"""Reserved data topic on which an agent tells a participant what it is doing (JSON ``{"status": …}``)."""

DEFAULT_ID = "default"
"""Participant and track id of a source that names none."""


class MsgType(IntEnum):
    """The first byte of every frame. 1 to 12 are the v0.1 contract; ours start at 32."""

    FRAME_SIGNAL = 1
    AUDIO_CHUNK = 2
    CONTROL = 3
    DATA_MESSAGE = 4
    RETURN_AUDIO = 5
    RETURN_DATA = 6
    PARTICIPANT_EVENT = 7
    CONNECTOR_REGISTER = 8
    FRAME_REQUEST = 9
    FRAME_DATA = 10
    RETURN_AUDIO_FLUSH = 11
    ROSTER_REQUEST = 12

    HUB_WELCOME = 32
    HUB_HEARTBEAT = 33
    ROSTER_QUERY = 34
    FRAME_ASK = 35
    FRAME_REPLY = 36
    FRAME_RELEASE = 37
    TRACK_END = 38
    AGENT_REPORT = 39
    SPEECH = 40
    SPEECH_FLUSH = 41
    SIGNALS_QUERY = 42
    NEWEST_SIGNALS = 43
    HUB_TICK = 44
    AGENT_PULSE = 45
    LOCK_CHECK = 46
    LOCK_SEEN = 47


class PixelFormat(IntEnum):
    """How the bytes of a frame are laid out (rows are packed: no padding)."""

    I420 = 0
    NV12 = 1
    RGB24 = 2
    RGBA = 3
    BGRA = 4

    def frame_bytes(self, width: int, height: int) -> int:
        """Bytes of one frame; chroma planes of odd sizes are rounded up."""
        if self in (PixelFormat.I420, PixelFormat.NV12):
            return width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
        return width * height * (3 if self is PixelFormat.RGB24 else 4)


class Subscribe(IntFlag):
    """What an agent wants of a participant; joins and leaves always arrive."""

    NONE = 0
    DATA = 1
    AUDIO = 2
    VIDEO = 4
    ALL = DATA | AUDIO | VIDEO


class FrameStatus(IntEnum):
    """The hub's answer to a `FrameAsk`."""

    OK = 0
    UNKNOWN_PARTICIPANT = 1
    NO_FRAME = 2


@dataclass(frozen=True, slots=True)
class FrameSignal:
    """A new video frame exists; the pixels are fetched on demand with `ProcessorEndpoint.request_frame`.

    ``seq`` counts per track from 1: a gap is a frame this receiver did not see. ``pts_us`` is wall-clock µs.
    """

    slot: int
    seq: int
    pts_us: int
    width: int
    height: int
    fmt: PixelFormat
    data_sz: int
    participant_id: str = DEFAULT_ID
    track_id: str = DEFAULT_ID


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Interleaved little-endian float32 samples in −1…1; ``samples`` counts per channel."""

    pts_us: int
    sample_rate: int
    channels: int
    samples: int
    data: bytes
    participant_id: str = DEFAULT_ID
    track_id: str = DEFAULT_ID


@dataclass(frozen=True, slots=True)
class ControlMessage:
    """A broadcast between programs of the stack; it never reaches participants."""

    topic: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataMessage:
    """Bytes under a topic, from or to one participant."""

    participant_id: str
    topic: str
    pts_us: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ParticipantEvent:
    """Somebody joined or left."""

    participant_id: str
    joined: bool
    pts_us: int
    connector_id: str = ""


@dataclass(frozen=True, slots=True)
class ConnectorRegistration:
    """A connector in another process tells the hub where its frames lie."""

    connector_id: str
    shm_name: str


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """v0.1 request for the newest frame of a track; the answer is broadcast as `FrameData`."""

    participant_id: str = DEFAULT_ID
    track_id: str = DEFAULT_ID


@dataclass(frozen=True, slots=True)
class FrameData:
    """The pixels of one frame: a private copy, yours to keep."""

    seq: int
    pts_us: int
    width: int
    height: int
    fmt: PixelFormat
    data: bytes
    participant_id: str = DEFAULT_ID
    track_id: str = DEFAULT_ID


@dataclass(frozen=True, slots=True)
class FrameView:
    """The pixels of one frame, read in place where memory is shared: nothing was copied.

    ``data`` is read-only and never changes: the hub leaves the memory alone until the last view of it (a slice and an
    array made of it count) is gone. Copy what you keep for long, for the memory is the hub's; an agent that holds
    more than a few frames of a track gets copies.
    """

    seq: int
    pts_us: int
    width: int
    height: int
    fmt: PixelFormat
    data: memoryview = field(repr=False)
    participant_id: str = DEFAULT_ID
    track_id: str = DEFAULT_ID


@dataclass(frozen=True, slots=True)
class ReturnAudioFlush:
    """Stop speaking to this participant now."""

    participant_id: str


@dataclass(frozen=True, slots=True)
class RosterRequest:
    """v0.1 request to repeat the joins of everyone connected."""


@dataclass(frozen=True, slots=True)
class HubWelcome:
    """The hub sees the receiver's inbox subscription: its subscriptions are live, and this is who is here.

    ``hub_epoch`` differs after a restart. ``roster`` holds (participant id, connector id, pts_us of the join), and
    comes in order with the joins and leaves of the socket that carries it.
    ``video`` and ``control`` are the addresses of the hub's further sockets, one per transport that it serves.
    """

    version: int
    hub_epoch: str
    roster: tuple[tuple[str, str, int], ...]
    video: tuple[str, ...] = ()
    control: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HubHeartbeat:
    """Sent once a second in order with joins, leaves, sound and data, so that a lost one is noticed.

    ``streams`` holds (topic, messages published so far) of each stream of sound and data on the same socket.
    """

    hub_epoch: str
    roster_digest: int
    streams: tuple[tuple[bytes, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RosterQuery:
    """Ask for a `HubWelcome` to one inbox.

    ``agent_id`` may go on with a dot and a marker, which the topic of the answer ends in: the hub has then handled
    whatever was sent before on the same socket.
    """

    agent_id: str


LEASE_UNTIL_RELEASED = 2**32 - 1
"""``FrameAsk.lease_ms`` of a frame that is read in place for as long as the agent holds it."""


@dataclass(frozen=True, slots=True)
class FrameAsk:
    """Ask for the newest frame of a track, answered to one inbox alone.

    ``lease_ms`` > 0 keeps the slot from being overwritten that long; `LEASE_UNTIL_RELEASED` until it is given
    back, if the hub has slots to spare (lease id 0: it has not). ``inline`` asks for pixels instead of a place in
    shared memory (another machine, another user). ``released`` are leases that the agent gives back.
    """

    agent_id: str
    request_id: int
    participant_id: str
    track_id: str
    lease_ms: int
    inline: bool
    released: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FrameReply:
    """Where the newest frame lies, or its pixels, or why there is none.

    ``ring_path`` is a file to map read-only; the slot's u64 at ``generation_offset`` equals ``generation`` as
    long as the ``data_sz`` bytes at ``data_offset`` are this frame. ``ring_token`` stands in the file's header.
    """

    request_id: int
    status: FrameStatus
    seq: int
    pts_us: int
    width: int
    height: int
    fmt: PixelFormat
    data_sz: int
    ring_path: str
    ring_token: bytes
    generation_offset: int
    data_offset: int
    generation: int
    lease_id: int
    data: bytes


LOCK_CHECK_FROM = 2**62
"""Bytes from here on, far behind the end of any ring, may be locked to see whether the hub sees it."""


@dataclass(frozen=True, slots=True)
class LockCheck:
    """Ask whether the hub sees a lock at ``at`` in the ring of a track: only then may slots be held by locks."""

    agent_id: str
    participant_id: str
    track_id: str
    at: int


@dataclass(frozen=True, slots=True)
class LockSeen:
    """The answer to a `LockCheck`."""

    at: int
    is_seen: bool


@dataclass(frozen=True, slots=True)
class FrameRelease:
    """The agent is done with a leased frame."""

    agent_id: str
    lease_id: int


@dataclass(frozen=True, slots=True)
class AgentReport:
    """What an agent did not get, by kind, since it started; shown by the hub beside its name."""

    agent_id: str
    name: str
    lost: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Speech:
    """`AudioChunk` to a participant; ``utterance`` counts the flushes its sender made before.

    From the hub to a connector without ``agent_id``; ``utterance`` is then a number that grows with each flush.
    """

    agent_id: str
    utterance: int
    pts_us: int
    sample_rate: int
    channels: int
    samples: int
    data: bytes
    participant_id: str
    track_id: str

    @classmethod
    def of(cls, chunk: AudioChunk, agent_id: str, utterance: int) -> "Speech":
        """Return the sound with who says it and when."""
        return cls(
            *(agent_id, utterance, chunk.pts_us, chunk.sample_rate, chunk.channels, chunk.samples, chunk.data),
            *(chunk.participant_id, chunk.track_id),
        )

    @property
    def chunk(self) -> AudioChunk:
        """The sound."""
        return AudioChunk(
            *(self.pts_us, self.sample_rate, self.channels, self.samples, self.data),
            *(self.participant_id, self.track_id),
        )


@dataclass(frozen=True, slots=True)
class SpeechFlush:
    """Stop speaking: whatever this agent sent with a smaller ``utterance`` stays silent, also if it comes later.

    From the hub to a connector: whatever anybody sent, and without ``agent_id``.
    """

    agent_id: str
    utterance: int
    participant_id: str


@dataclass(frozen=True, slots=True)
class SignalsQuery:
    """An agent that was behind asks for the newest signal of every track."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class NewestSignals:
    """The answer to `SignalsQuery`; a `FrameSignal` in each further part of the message.

    ``sessions`` holds (participant id, pts_us of the join) of everybody whose signals these are.
    """

    sessions: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class HubTick:
    """The hub's time, sent once a second in order with joins, leaves, sound and data; repeated in an `AgentPulse`."""

    hub_epoch: str
    tick_us: int


@dataclass(frozen=True, slots=True)
class AgentPulse:
    """An agent has come to a `HubTick`; and to how many participants' video, sound and data it listens."""

    agent_id: str
    tick_us: int
    video: int
    audio: int
    data: int


@dataclass(frozen=True, slots=True)
class TrackEnd:
    """A connector's video track is gone: the hub frees what it holds for it."""

    participant_id: str
    track_id: str
