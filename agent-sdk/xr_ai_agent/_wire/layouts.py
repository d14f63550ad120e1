"""The fields of each message on the wire, in its order, and what each of them must be."""

import dataclasses
import enum
import operator
from collections.abc import Callable
from typing import Any, Final

from xr_ai_agent._wire.messages import (
    LOCK_CHECK_FROM,
    AgentPulse,
    AgentReport,
    AudioChunk,
    ConnectorRegistration,
    ControlMessage,
    DataMessage,
    FrameAsk,
    FrameData,
    FrameRelease,
    FrameReply,
    FrameRequest,
    FrameSignal,
    FrameStatus,
    HubHeartbeat,
    HubTick,
    HubWelcome,
    LockCheck,
    LockSeen,
    MsgType,
    NewestSignals,
    ParticipantEvent,
    PixelFormat,
    ReturnAudioFlush,
    RosterQuery,
    RosterRequest,
    SignalsQuery,
    Speech,
    SpeechFlush,
    TrackEnd,
)

_U32_MAX: Final = 2**32 - 1
_U64_MAX: Final = 2**64 - 1
_I64_MIN, _I64_MAX = -(2**63), 2**63 - 1
# Above any video or audio source; keeps products of two such fields far from any integer limit.
SIDE_MAX_PX: Final = 32_768
_SAMPLE_RATE_MAX_HZ: Final = 768_000
_CHANNELS_MAX: Final = 64

_WORDS: Final = {str: "text", bytes: "binary", bool: "true or false", dict: "a map", list: "a list", int: "an integer"}


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """What one field must be.

    ``kind`` is its exact type (a bool is no int on this wire); ``make`` turns what msgpack gave into what the message
    holds, or raises ValueError.
    """

    kind: type
    within: range | None = None
    make: Callable[[Any], Any] | None = None

    def check(self, value: Any) -> None:
        """Raise ValueError if type or range are wrong, with the value found."""
        if type(value) is self.kind and (self.within is None or value in self.within):
            return
        expected = _WORDS[self.kind] + (f" {self.within[0]}…{self.within[-1]}" if self.within else "")
        found = f"{value!r:.80}" if isinstance(value, int | str) else type(value).__name__
        raise ValueError(f"expected {expected}, found {found}")


class Layout:
    """Turns a message into its list of fields, and such a list into a message."""

    def __init__(self, cls: type[Any], *fields: Field) -> None:
        """``fields`` are in the order of the wire, which is that of the dataclass."""
        self._cls = cls
        self._mutable = _mutable_twin(cls)
        self._names = tuple(field.name for field in dataclasses.fields(cls))
        self._fields = fields
        self._kinds = tuple(field.kind for field in fields)
        self._ranges = tuple((i, field.within) for i, field in enumerate(fields) if field.within is not None)
        self._makes = tuple((i, field.make) for i, field in enumerate(fields) if field.make is not None)
        # attrgetter is several times faster than a comprehension, but returns a bare value for one name.
        self.encode: Callable[[Any], Any] = operator.attrgetter(*self._names) if len(fields) > 1 else self._encode_few

    def decode(self, values: list[Any]) -> Any:
        """Return the message; every field's type and range is checked. Raises ValueError."""
        count = len(self._kinds)
        if len(values) != count:
            # A newer peer may append fields; it never removes or reorders them.
            if len(values) < count:
                raise ValueError(f"expected {count} fields ({', '.join(self._names)}), found {len(values)}")
            values = values[:count]
        # All types in one comparison: a call per field would take longer than the rest.
        if tuple(map(type, values)) != self._kinds:
            self._refuse(values)
        for i, allowed in self._ranges:
            if values[i] not in allowed:
                self._refuse(values)
        for i, make in self._makes:
            try:
                values[i] = make(values[i])
            except ValueError as error:
                raise ValueError(f"{self._cls.__name__}.{self._names[i]}: {error}") from error
        message = self._mutable(*values)
        message.__class__ = self._cls
        return message

    def _encode_few(self, message: Any) -> list[Any]:
        return [getattr(message, name) for name in self._names]

    def _refuse(self, values: list[Any]) -> None:
        for name, field, value in zip(self._names, self._fields, values, strict=True):
            try:
                field.check(value)
            except ValueError as error:
                raise ValueError(f"{self._cls.__name__}.{name}: {error}") from error


def _mutable_twin(cls: type[Any]) -> type[Any]:
    """Return a class whose objects may become those of ``cls``.

    A frozen dataclass sets each of its fields by a call, which takes six times as long as to set them.
    """
    fields = [(field.name, Any) for field in dataclasses.fields(cls)]
    return dataclasses.make_dataclass(cls.__name__, fields, slots=True)


def _integer(low: int, high: int) -> Field:
    return Field(int, range(low, high + 1))


def _member(cls: type[enum.IntEnum]) -> Field:
    members = {int(member): member for member in cls}

    def make(value: int) -> enum.IntEnum:
        if value not in members:
            raise ValueError(f"{value} is no {cls.__name__}")
        return members[value]

    return Field(int, make=make)


def _list_of(item: type) -> Field:
    def make(values: list[Any]) -> tuple[Any, ...]:
        if any(type(value) is not item for value in values):
            raise ValueError(f"expected a list of {item.__name__}")
        return tuple(values)

    return Field(list, make=make)


def _rows_of(*cells: type) -> Field:
    def make(values: list[Any]) -> tuple[Any, ...]:
        rows = tuple(tuple(row) for row in values if type(row) is list)
        if len(rows) != len(values) or any(tuple(map(type, row)) != cells for row in rows):
            raise ValueError(f"expected a list of ({', '.join(cell.__name__ for cell in cells)})")
        return rows

    return Field(list, make=make)


def _counts(values: dict[Any, Any]) -> dict[str, int]:
    if any((type(kind), type(count)) != (str, int) for kind, count in values.items()):
        raise ValueError("expected a count per kind")
    return values


_u32 = _integer(0, _U32_MAX)
_u64 = _integer(0, _U64_MAX)
_pts = _integer(_I64_MIN, _I64_MAX)
_side = _integer(0, SIDE_MAX_PX)
_text = Field(str)
_binary = Field(bytes)
_boolean = Field(bool)
_format = _member(PixelFormat)
_lock_place = _integer(LOCK_CHECK_FROM, _I64_MAX - 1)
_roster = _rows_of(str, str, int)

_AUDIO = (_pts, _integer(1, _SAMPLE_RATE_MAX_HZ), _integer(1, _CHANNELS_MAX), _u32, _binary, _text, _text)
_DATA = (_text, _text, _pts, _binary)
_FRAME = (_u64, _pts, _side, _side, _format)

LAYOUTS: Final = {
    MsgType.FRAME_SIGNAL: Layout(FrameSignal, _u32, *_FRAME, _u32, _text, _text),
    MsgType.AUDIO_CHUNK: Layout(AudioChunk, *_AUDIO),
    MsgType.CONTROL: Layout(ControlMessage, _text, Field(dict)),
    MsgType.DATA_MESSAGE: Layout(DataMessage, *_DATA),
    MsgType.RETURN_AUDIO: Layout(AudioChunk, *_AUDIO),
    MsgType.RETURN_DATA: Layout(DataMessage, *_DATA),
    MsgType.PARTICIPANT_EVENT: Layout(ParticipantEvent, _text, _boolean, _pts, _text),
    MsgType.CONNECTOR_REGISTER: Layout(ConnectorRegistration, _text, _text),
    MsgType.FRAME_REQUEST: Layout(FrameRequest, _text, _text),
    MsgType.FRAME_DATA: Layout(FrameData, *_FRAME, _binary, _text, _text),
    MsgType.RETURN_AUDIO_FLUSH: Layout(ReturnAudioFlush, _text),
    MsgType.ROSTER_REQUEST: Layout(RosterRequest),
    MsgType.HUB_WELCOME: Layout(HubWelcome, _u32, _text, _roster, _list_of(str), _list_of(str)),
    MsgType.HUB_HEARTBEAT: Layout(HubHeartbeat, _text, _u32, _rows_of(bytes, int)),
    MsgType.ROSTER_QUERY: Layout(RosterQuery, _text),
    MsgType.FRAME_ASK: Layout(FrameAsk, _text, _u32, _text, _text, _u32, _boolean, _list_of(int)),
    MsgType.FRAME_REPLY: Layout(
        FrameReply,
        *(_u32, _member(FrameStatus), *_FRAME, _u32, _text, _binary),
        *(_u64, _u64, _u64, _u64, _binary),
    ),
    MsgType.FRAME_RELEASE: Layout(FrameRelease, _text, _u64),
    MsgType.TRACK_END: Layout(TrackEnd, _text, _text),
    MsgType.AGENT_REPORT: Layout(AgentReport, _text, _text, Field(dict, make=_counts)),
    MsgType.SPEECH: Layout(Speech, _text, _u64, *_AUDIO),
    MsgType.SPEECH_FLUSH: Layout(SpeechFlush, _text, _u64, _text),
    MsgType.SIGNALS_QUERY: Layout(SignalsQuery, _text),
    MsgType.NEWEST_SIGNALS: Layout(NewestSignals, _rows_of(str, int)),
    MsgType.HUB_TICK: Layout(HubTick, _text, _u64),
    MsgType.AGENT_PULSE: Layout(AgentPulse, _text, _u64, _u32, _u32, _u32),
    MsgType.LOCK_CHECK: Layout(LockCheck, _text, _text, _text, _lock_place),
    MsgType.LOCK_SEEN: Layout(LockSeen, _lock_place, _boolean),
}
"""Every message of the contract and of ours."""
