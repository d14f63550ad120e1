"""What the fuzzers drive: arbitrary messages into the codec and the hub's dispatch, and what must hold after each."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import secrets
import struct
from collections.abc import Iterator
from pathlib import Path

import msgpack

from xr_ai_agent import (
    AudioChunk,
    CodecError,
    ConnectorRegistration,
    ControlMessage,
    DataMessage,
    FrameData,
    FrameRequest,
    FrameSignal,
    MsgType,
    ParticipantEvent,
    PixelFormat,
    ReturnAudioFlush,
    RosterRequest,
    decode,
    encode,
)
from xr_ai_agent._frames.connector_ring import ConnectorRing
from xr_ai_agent._hub.core import HubCore
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._wire.messages import (
    LEASE_UNTIL_RELEASED,
    LOCK_CHECK_FROM,
    AgentPulse,
    AgentReport,
    FrameAsk,
    FrameRelease,
    LockCheck,
    RosterQuery,
    SignalsQuery,
    Speech,
    SpeechFlush,
    TrackEnd,
)

_HEAD = struct.Struct(">BH")
_PUSHED, _ASKED, _SUBSCRIBED, _UNSUBSCRIBED = range(4)
AGENT = "0123456789abcdef"
STRANGER = "fedcba9876543210"
# Stands in every input for the ring of the run, whose name is as long.
_RING_NAME = b"xr_fuzz_ring"
_MEDIA = (b"video.", b"audio.", b"data.", b"video_data.", b"return_audio.", b"return_data.", b"return_audio_flush.")


class Outlets:
    """Checks what the hub sends instead of sending it."""

    video_addresses = ("ipc:///video",)
    control_addresses = ("ipc:///control",)

    def __init__(self) -> None:
        self.core: HubCore | None = None
        self.asking = ""

    def publish(self, topic: bytes, frame: bytes) -> None:
        assert decode(frame)[0] in MsgType.__members__.values()
        if topic.startswith(_MEDIA):
            assert self.core is not None
            owner = topic.split(b".")[1].decode()
            assert owner in self.core.roster, f"media of {owner!r}, who is not here, on {topic!r}"

    def publish_video(self, topic: bytes, frame: bytes) -> None:
        self.publish(topic, frame)

    def is_heard(self, topic: bytes) -> bool:
        return True

    def answer(self, agent_id: str, *parts: bytes) -> None:
        assert agent_id == self.asking, f"{agent_id!r} was answered what {self.asking!r} asked"
        for part in parts:
            assert type(part) is bytes


class HubTarget:
    """One hub, fed input after input; `run` raises AssertionError when something does not hold."""

    def __init__(self, ring_name: str = "") -> None:
        self._logger = logging.getLogger("xr_ai_agent")
        self._level = self._logger.level
        self._logger.setLevel(logging.CRITICAL + 1)
        self.ring = ConnectorRing.create(ring_name or f"xr_fz_{secrets.token_hex(3)}", 4, 4096)

    def close(self) -> None:
        self.ring.close()
        self._logger.setLevel(self._level)

    def run(self, data: bytes) -> None:
        """Feed one input: a sequence of (kind u8, length u16, payload)."""
        data = data.replace(_RING_NAME, self.ring.name.encode())
        outlets = Outlets()
        losses = LossCounter(logging.getLogger("xr_ai_agent.fuzz"))
        core = outlets.core = HubCore(outlets, data_max_bytes=4096, losses=losses)
        self.ring.reset()
        try:
            core.inbox_changed(AGENT, "", is_open=True)
            for kind, payload in _messages(data):
                self._feed(core, outlets, kind, payload)
            core.heartbeat()
        finally:
            core.close()
        assert core.frames.track_count == 0
        assert core.frames.size_bytes == 0

    def _feed(self, core: HubCore, outlets: Outlets, kind: int, payload: bytes) -> None:
        _check_codec(payload)
        outlets.asking = AGENT
        match kind % 4:
            case 0:
                core.receive(payload)
            case 1:
                core.receive_control(AGENT, payload)
            case 2:
                outlets.asking = STRANGER
                core.receive_control(STRANGER, payload)
            case 3:
                name = "".join(chr(97 + byte % 26) for byte in payload[:4])
                core.inbox_changed(name, "", is_open=bool(payload[4:5] > b"\x7f"))
        assert set(core._streams) == set(core.roster.ids)
        held = [track for track in core.frames._tracks if track[0] not in core.roster]
        assert not held, f"memory kept for {held}"


def _check_codec(payload: bytes) -> None:
    try:
        message_type, message = decode(payload)
    except CodecError:
        return
    # What was taken in can be sent on, and is the same at the next hop. (As bytes: a NaN does not equal itself.)
    again = encode(message_type, message)
    assert encode(*decode(again)) == again


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEAD.size <= len(data):
        kind, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield kind, data[at : at + length]
        at += length


def join(*messages: tuple[int, bytes]) -> bytes:
    """Return the input that feeds these (kind, payload)."""
    return b"".join(_HEAD.pack(kind, len(payload)) + payload for kind, payload in messages)


def seeds() -> list[bytes]:
    """Conversations that reach every handler; a fuzzer takes them apart."""
    event = (0, encode(MsgType.PARTICIPANT_EVENT, ParticipantEvent("alice", True, 1, "c1")))
    leave = (0, encode(MsgType.PARTICIPANT_EVENT, ParticipantEvent("alice", False, 2, "c1")))
    register = (0, encode(MsgType.CONNECTOR_REGISTER, ConnectorRegistration("c1", _RING_NAME.decode())))
    signal = (0, encode(MsgType.FRAME_SIGNAL, FrameSignal(0, 1, 1, 4, 4, PixelFormat.I420, 24, "alice", "v")))
    chunk = AudioChunk(1, 48_000, 1, 2, bytes(8), "alice", "mic")
    data = DataMessage("alice", "topic", 1, b"data")
    conversations: list[list[tuple[int, bytes]]] = [
        [event, (0, encode(MsgType.AUDIO_CHUNK, chunk)), (0, encode(MsgType.DATA_MESSAGE, data)), leave],
        [event, (0, encode(MsgType.RETURN_AUDIO, chunk)), (0, encode(MsgType.RETURN_DATA, data))],
        [event, (0, encode(MsgType.RETURN_AUDIO_FLUSH, ReturnAudioFlush("alice")))],
        [register, event, signal, (0, encode(MsgType.FRAME_REQUEST, FrameRequest("alice", "v"))), leave, signal],
        [
            *(register, event, signal),
            *(
                (kind, encode(MsgType.FRAME_ASK, FrameAsk(AGENT, 1, "alice", "v", lease, inline, (1,))))
                for kind in (1, 2)
                for lease in (0, 100, LEASE_UNTIL_RELEASED)
                for inline in (False, True)
            ),
            (1, encode(MsgType.FRAME_RELEASE, FrameRelease(AGENT, 1))),
            (1, encode(MsgType.LOCK_CHECK, LockCheck(AGENT, "alice", "v", LOCK_CHECK_FROM))),
            (1, encode(MsgType.SIGNALS_QUERY, SignalsQuery(AGENT))),
            (0, encode(MsgType.TRACK_END, TrackEnd("alice", "v"))),
        ],
        [
            event,
            (0, encode(MsgType.SPEECH, Speech(AGENT, 0, 1, 48_000, 1, 2, bytes(8), "alice", "tts"))),
            (1, encode(MsgType.SPEECH_FLUSH, SpeechFlush(AGENT, 1, "alice"))),
            (0, encode(MsgType.SPEECH, Speech(AGENT, 0, 1, 48_000, 1, 2, bytes(8), "alice", "tts"))),
        ],
        [(1, encode(MsgType.AGENT_REPORT, AgentReport(AGENT, "name", {"audio lost": 3})))],
        [(1, encode(MsgType.AGENT_PULSE, AgentPulse(AGENT, 1, 1, 2, 3)))],
        [(0, encode(MsgType.CONTROL, ControlMessage("topic", {"a": [1, None, {"b": 2.5}, float("nan")]})))],
        [(0, encode(MsgType.ROSTER_REQUEST, RosterRequest())), (0, encode(MsgType.ROSTER_QUERY, RosterQuery(AGENT)))],
        [event, (0, encode(MsgType.FRAME_DATA, FrameData(1, 1, 4, 4, PixelFormat.I420, bytes(24), "alice", "v")))],
        [(3, b"abcd\xff"), event, (3, b"abcd\x00")],
        [(0, b""), (0, b"\xff"), (0, b"\x01\x99"), (0, b"\x04" + msgpack.packb(["alice", 1]))],
    ]
    return [join(*conversation) for conversation in conversations]


CORPUS = Path(__file__).with_name("corpus.b64")
"""One input per line: what long runs found that reaches code in new ways."""


def corpus() -> list[bytes]:
    """Return the seeds and the committed corpus."""
    return seeds() + [base64.b64decode(line) for line in CORPUS.read_text().split()]


def ring_name(found: Path) -> str:
    """Return the name of the shared memory that a run leaves behind."""
    return f"xr_fz_{hashlib.sha256(str(found.resolve()).encode()).hexdigest()[:6]}"


@contextlib.contextmanager
def hub_target() -> Iterator[HubTarget]:
    """Return a target whose ring is removed in the end."""
    target = HubTarget()
    try:
        yield target
    finally:
        target.close()
