"""Bytes ↔ messages: one type byte, then a msgpack list with the fields in the contract's order."""

import dataclasses
import enum
import operator
import threading
from collections.abc import Callable
from typing import Any

import msgpack  # type: ignore[import-untyped]

from xr_ai_agent._errors import CodecError, MalformedMessageError, UnknownMessageError
from xr_ai_agent._wire.messages import (
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
    HubWelcome,
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

Encoder = Callable[[Any], list[Any] | tuple[Any, ...]]
Decoder = Callable[[list[Any]], Any]

_U32_MAX = 2**32 - 1
_U64_MAX = 2**64 - 1
_I64_MIN, _I64_MAX = -(2**63), 2**63 - 1
# Above any video or audio source; keeps products of two such fields far from any integer limit.
_SIDE_MAX_PX = 32_768
_SAMPLE_RATE_MAX_HZ = 768_000
_CHANNELS_MAX = 64

_TYPE_BYTES = tuple(bytes((msg_type,)) for msg_type in range(256))
# A packer keeps the memory of its largest message: one that grew beyond this is replaced.
_PACKER_MAX_BYTES = 2**20

_encoders: dict[int, Encoder] = {}
_decoders: dict[int, Decoder] = {}


def register_encoder(msg_type: int, encoder: Encoder) -> None:
    """Teach `encode` a message id: ``encoder(message)`` returns the list of its fields.

    Raises:
        ValueError: the id does not fit the type byte.
    """
    _encoders[_as_type_byte(msg_type)] = encoder


def register_decoder(msg_type: int, decoder: Decoder) -> None:
    """Teach `decode` a message id: ``decoder(fields)`` returns the message or raises ValueError."""
    _decoders[_as_type_byte(msg_type)] = decoder


def encode(msg_type: int, message: Any) -> bytes:
    """Return the frame of a message.

    Raises:
        UnknownMessageError: nothing is registered for ``msg_type``.
        CodecError: a field has a type that msgpack cannot carry.
    """
    encoder = _encoders.get(msg_type)
    if encoder is None:
        raise UnknownMessageError(f"no encoder for message id {msg_type}; register_encoder() adds one")
    try:
        return _TYPE_BYTES[msg_type] + _pack(encoder(message))
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise CodecError(f"cannot encode message id {msg_type} from {type(message).__name__}: {error}") from error


def encode_fields(msg_type: int, fields: tuple[Any, ...]) -> bytes:
    """As `encode`, of fields that are known to be right and in the order of the wire."""
    return _TYPE_BYTES[msg_type] + _pack(fields)


def decode(frame: bytes) -> tuple[int, Any]:
    """Return (message id, message) of a frame; every field's type and range was checked.

    Raises:
        UnknownMessageError: nothing is registered for the type byte (a newer peer).
        MalformedMessageError: the bytes are empty, cut, not msgpack, or a field is wrong.
    """
    if not frame:
        raise MalformedMessageError("empty frame; expected a type byte and a msgpack list")
    msg_type = frame[0]
    decoder = _decoders.get(msg_type)
    if decoder is None:
        raise UnknownMessageError(f"unknown message id {msg_type}; register_decoder() adds one")
    try:
        fields = msgpack.unpackb(memoryview(frame)[1:], raw=False, strict_map_key=False)
        if not isinstance(fields, list):
            raise TypeError(f"expected a list of fields, found {type(fields).__name__}")
        return msg_type, decoder(fields)
    except CodecError:
        raise
    # msgpack's own errors derive from ValueError; nesting too deep is a ValueError or a RecursionError.
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, msgpack.UnpackException) as error:
        raise MalformedMessageError(f"message id {msg_type} ({len(frame)} bytes): {error}") from error


class _Packing(threading.local):
    """One packer per thread: a new one per message costs more than packing it."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Forget what was packed, and its memory."""
        self.packer = msgpack.Packer(use_bin_type=True)


_packing = _Packing()


def _pack(fields: Any) -> bytes:
    try:
        packed: bytes = _packing.packer.pack(fields)
    except BaseException:
        # What it had packed of this message would begin the next one.
        _packing.renew()
        raise
    if len(packed) > _PACKER_MAX_BYTES:
        _packing.renew()
    return packed


def _as_type_byte(msg_type: int) -> int:
    if not 0 <= msg_type <= 255:
        raise ValueError(f"message id {msg_type} does not fit one byte (0…255)")
    return int(msg_type)


# --- what each field must be: ``fast`` is an expression over its value ``{v}`` ---


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of field. ``make`` turns a checked value into what the message holds (default: the value itself)."""

    fast: str
    expected: str
    make: Callable[[Any], Any] | None = None


def _integer(low: int, high: int) -> _Kind:
    # bool is an int in Python and never one on this wire.
    return _Kind(f"type({{v}}) is int and {low} <= {{v}} <= {high}", f"an integer {low}…{high}")


def _member(cls: type[enum.IntEnum]) -> _Kind:
    members = {int(member): member for member in cls}
    return _Kind(f"type({{v}}) is int and {{v}} in {tuple(members)!r}", f"a {cls.__name__}", members.__getitem__)


def _rows_of(*cells: type) -> Callable[[list[Any]], tuple[Any, ...]]:
    def make(value: list[Any]) -> tuple[Any, ...]:
        rows = tuple(map(tuple, value))
        if any(tuple(map(type, row)) != cells for row in rows):
            raise ValueError(f"expected a list of ({', '.join(cell.__name__ for cell in cells)})")
        return rows

    return make


def _tuple_of(item: type) -> Callable[[list[Any]], tuple[Any, ...]]:
    def make(value: list[Any]) -> tuple[Any, ...]:
        if any(type(each) is not item for each in value):
            raise ValueError(f"expected a list of {item.__name__}")
        return tuple(value)

    return make


def _counts(value: dict[Any, Any]) -> dict[str, int]:
    if any((type(kind), type(count)) != (str, int) for kind, count in value.items()):
        raise ValueError("expected a count per kind")
    return value


_LIST = "type({v}) is list"
_u32 = _integer(0, _U32_MAX)
_u64 = _integer(0, _U64_MAX)
_pts = _integer(_I64_MIN, _I64_MAX)
_side = _integer(0, _SIDE_MAX_PX)
_text = _Kind("type({v}) is str", "text")
_binary = _Kind("type({v}) is bytes", "binary")
_boolean = _Kind("type({v}) is bool", "true or false")
_map = _Kind("type({v}) is dict", "a map")
_format = _member(PixelFormat)
_addresses = _Kind(_LIST, "a list of addresses", _tuple_of(str))
_ids = _Kind(_LIST, "a list of ids", _tuple_of(int))

_AUDIO = (_pts, _integer(1, _SAMPLE_RATE_MAX_HZ), _integer(1, _CHANNELS_MAX), _u32, _binary, _text, _text)
_DATA = (_text, _text, _pts, _binary)

# Per id: the class, and the kind of each field in the order of the wire (= the order of the dataclass).
_LAYOUTS: dict[MsgType, tuple[type[Any], tuple[_Kind, ...]]] = {
    MsgType.FRAME_SIGNAL: (FrameSignal, (_u32, _u64, _pts, _side, _side, _format, _u32, _text, _text)),
    MsgType.AUDIO_CHUNK: (AudioChunk, _AUDIO),
    MsgType.CONTROL: (ControlMessage, (_text, _map)),
    MsgType.DATA_MESSAGE: (DataMessage, _DATA),
    MsgType.RETURN_AUDIO: (AudioChunk, _AUDIO),
    MsgType.RETURN_DATA: (DataMessage, _DATA),
    MsgType.PARTICIPANT_EVENT: (ParticipantEvent, (_text, _boolean, _pts, _text)),
    MsgType.CONNECTOR_REGISTER: (ConnectorRegistration, (_text, _text)),
    MsgType.FRAME_REQUEST: (FrameRequest, (_text, _text)),
    MsgType.FRAME_DATA: (FrameData, (_u64, _pts, _side, _side, _format, _binary, _text, _text)),
    MsgType.RETURN_AUDIO_FLUSH: (ReturnAudioFlush, (_text,)),
    MsgType.ROSTER_REQUEST: (RosterRequest, ()),
    MsgType.HUB_WELCOME: (
        HubWelcome,
        (_u32, _text, _Kind(_LIST, "a list of participants", _rows_of(str, str, int)), _addresses, _addresses),
    ),
    MsgType.HUB_HEARTBEAT: (HubHeartbeat, (_text, _u32, _Kind(_LIST, "a list of streams", _rows_of(bytes, int)))),
    MsgType.ROSTER_QUERY: (RosterQuery, (_text,)),
    MsgType.FRAME_ASK: (FrameAsk, (_text, _u32, _text, _text, _u32, _boolean, _ids)),
    MsgType.FRAME_REPLY: (
        FrameReply,
        (
            *(_u32, _member(FrameStatus), _u64, _pts, _side, _side, _format, _u32),
            *(_text, _binary, _u64, _u64, _u64, _u64, _binary),
        ),
    ),
    MsgType.FRAME_RELEASE: (FrameRelease, (_text, _u64)),
    MsgType.TRACK_END: (TrackEnd, (_text, _text)),
    MsgType.AGENT_REPORT: (AgentReport, (_text, _text, _Kind("type({v}) is dict", "a count per kind", _counts))),
    MsgType.SPEECH: (Speech, (_text, _u64, *_AUDIO)),
    MsgType.SPEECH_FLUSH: (SpeechFlush, (_text, _u64, _text)),
    MsgType.SIGNALS_QUERY: (SignalsQuery, (_text,)),
    MsgType.NEWEST_SIGNALS: (NewestSignals, (_Kind(_LIST, "a list of sessions", _rows_of(str, int)),)),
}


def _field_getter(names: tuple[str, ...]) -> Encoder:
    if len(names) >= 2:
        # attrgetter is several times faster than a comprehension, but returns a bare value for one name.
        return operator.attrgetter(*names)
    return lambda message: [getattr(message, name) for name in names]


def _compile(cls: type[Any], names: tuple[str, ...], kinds: tuple[_Kind, ...]) -> Callable[..., Any]:
    """Return ``take(fields, refuse)``: one function per layout, because a call per field costs more than the rest."""
    variables = [f"v{i}" for i in range(len(kinds))]
    arguments = [f"m{i}(v{i})" if kind.make else f"v{i}" for i, kind in enumerate(kinds)]
    tests = [kind.fast.format(v=v) for v, kind in zip(variables, kinds, strict=True)] or ["True"]
    source = (
        "def take(fields, refuse):\n"
        f"    [{''.join(v + ', ' for v in variables)}*_] = fields\n"
        f"    if not ({' and '.join(tests)}):\n"
        "        refuse(fields)\n"
        f"    return cls({', '.join(arguments)})\n"
    )
    scope: dict[str, Any] = {"cls": cls, **{f"m{i}": kind.make for i, kind in enumerate(kinds)}}
    # As dataclasses do it; nothing in the source comes from outside this module.
    exec(compile(source, f"<decoder of {cls.__name__}>", "exec"), scope)
    take: Callable[..., Any] = scope["take"]
    return take


def _refuser(cls: type[Any], names: tuple[str, ...], kinds: tuple[_Kind, ...]) -> Callable[[list[Any]], None]:
    def refuse(fields: list[Any]) -> None:
        for name, kind, value in zip(names, kinds, fields, strict=False):
            if not eval(kind.fast.format(v="value"), {"value": value}):
                found = f"{value!r:.80}" if isinstance(value, int | str) else type(value).__name__
                raise ValueError(f"{cls.__name__}.{name}: expected {kind.expected}, found {found}")

    return refuse


def _register_layout(msg_type: MsgType, cls: type[Any], kinds: tuple[_Kind, ...]) -> None:
    names = tuple(field.name for field in dataclasses.fields(cls))
    take, refuse = _compile(cls, names, kinds), _refuser(cls, names, kinds)

    def decoder(fields: list[Any]) -> Any:
        # A newer peer may append fields; it never removes or reorders them.
        if len(fields) < len(kinds):
            raise ValueError(f"expected {len(kinds)} fields ({', '.join(names)}), found {len(fields)}")
        return take(fields, refuse)

    register_encoder(msg_type, _field_getter(names))
    register_decoder(msg_type, decoder)


for _type, (_cls, _checks) in _LAYOUTS.items():
    _register_layout(_type, _cls, _checks)
