"""Bytes ↔ messages: one type byte, then a msgpack list with the fields in the contract's order."""

import dataclasses
import operator
from collections.abc import Callable, Mapping
from typing import Any

import msgpack  # type: ignore[import-untyped]

from xr_ai_agent._errors import CodecError, MalformedMessageError, UnknownMessageError
from xr_ai_agent._messages import (
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
    ParticipantEvent,
    PixelFormat,
    ReturnAudioFlush,
    RosterQuery,
    RosterRequest,
    TrackEnd,
)

Encoder = Callable[[Any], list[Any] | tuple[Any, ...]]
Decoder = Callable[[list[Any]], Any]
_Check = Callable[[Any], Any]

_U32_MAX = 2**32 - 1
_U64_MAX = 2**64 - 1
_I64_MIN, _I64_MAX = -(2**63), 2**63 - 1
# Above any video or audio source; keeps products of two such fields far from any integer limit.
_SIDE_MAX_PX = 32_768
_SAMPLE_RATE_MAX_HZ = 768_000
_CHANNELS_MAX = 64

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
        fields: bytes = msgpack.packb(encoder(message), use_bin_type=True)
        return bytes((msg_type,)) + fields
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise CodecError(f"cannot encode message id {msg_type} from {type(message).__name__}: {error}") from error


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


def _as_type_byte(msg_type: int) -> int:
    if not 0 <= msg_type <= 255:
        raise ValueError(f"message id {msg_type} does not fit one byte (0…255)")
    return int(msg_type)


# --- field checks: each returns the value to store or raises ValueError ---


def _integer(low: int, high: int) -> _Check:
    def check(value: Any) -> int:
        # bool is an int in Python and never one on this wire.
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"expected an integer {low}…{high}, found {value!r:.80}")
        return value

    return check


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"expected text, found {type(value).__name__}")
    return value


def _binary(value: Any) -> bytes:
    if type(value) is not bytes:
        raise ValueError(f"expected binary, found {type(value).__name__}")
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"expected true or false, found {value!r:.80}")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"expected a map, found {type(value).__name__}")
    return value


def _roster(value: Any) -> tuple[tuple[str, str, int], ...]:
    if not isinstance(value, list):
        raise ValueError(f"expected a list of participants, found {type(value).__name__}")
    return tuple((_text(pid), _text(connector), _pts(pts)) for pid, connector, pts in value)


_u32 = _integer(0, _U32_MAX)
_u64 = _integer(0, _U64_MAX)
_pts = _integer(_I64_MIN, _I64_MAX)
_side = _integer(0, _SIDE_MAX_PX)
_rate = _integer(1, _SAMPLE_RATE_MAX_HZ)
_channels = _integer(1, _CHANNELS_MAX)

_AUDIO = (_pts, _rate, _channels, _u32, _binary, _text, _text)
_DATA = (_text, _text, _pts, _binary)

# Per id: the class, and a check per field in the order of the wire (= the order of the dataclass).
_LAYOUTS: dict[MsgType, tuple[type[Any], tuple[_Check, ...]]] = {
    MsgType.FRAME_SIGNAL: (
        FrameSignal,
        (_u32, _u64, _pts, _side, _side, PixelFormat, _u32, _text, _text),
    ),
    MsgType.AUDIO_CHUNK: (AudioChunk, _AUDIO),
    MsgType.CONTROL: (ControlMessage, (_text, _mapping)),
    MsgType.DATA_MESSAGE: (DataMessage, _DATA),
    MsgType.RETURN_AUDIO: (AudioChunk, _AUDIO),
    MsgType.RETURN_DATA: (DataMessage, _DATA),
    MsgType.PARTICIPANT_EVENT: (ParticipantEvent, (_text, _boolean, _pts, _text)),
    MsgType.CONNECTOR_REGISTER: (ConnectorRegistration, (_text, _text)),
    MsgType.FRAME_REQUEST: (FrameRequest, (_text, _text)),
    MsgType.FRAME_DATA: (FrameData, (_u64, _pts, _side, _side, PixelFormat, _binary, _text, _text)),
    MsgType.RETURN_AUDIO_FLUSH: (ReturnAudioFlush, (_text,)),
    MsgType.ROSTER_REQUEST: (RosterRequest, ()),
    MsgType.HUB_WELCOME: (HubWelcome, (_u32, _text, _roster)),
    MsgType.HUB_HEARTBEAT: (HubHeartbeat, (_text, _u32)),
    MsgType.ROSTER_QUERY: (RosterQuery, (_text,)),
    MsgType.FRAME_ASK: (FrameAsk, (_text, _u32, _text, _text, _u32, _boolean)),
    MsgType.FRAME_REPLY: (
        FrameReply,
        (
            _u32,
            FrameStatus,
            _u64,
            _pts,
            _side,
            _side,
            PixelFormat,
            _u32,
            _text,
            _binary,
            _u64,
            _u64,
            _u64,
            _u64,
            _binary,
        ),
    ),
    MsgType.FRAME_RELEASE: (FrameRelease, (_text, _u64)),
    MsgType.TRACK_END: (TrackEnd, (_text, _text)),
}


def _field_getter(names: tuple[str, ...]) -> Encoder:
    if len(names) >= 2:
        # attrgetter is several times faster than a comprehension, but returns a bare value for one name.
        return operator.attrgetter(*names)
    return lambda message: [getattr(message, name) for name in names]


def _register_layout(msg_type: MsgType, cls: type[Any], checks: tuple[_Check, ...]) -> None:
    names = tuple(field.name for field in dataclasses.fields(cls))
    encoder = _field_getter(names)

    def decoder(fields: list[Any]) -> Any:
        # A newer peer may append fields; it never removes or reorders them.
        if len(fields) < len(checks):
            raise ValueError(f"expected {len(checks)} fields ({', '.join(names)}), found {len(fields)}")
        values = []
        for name, check, value in zip(names, checks, fields, strict=False):
            try:
                values.append(check(value))
            except (ValueError, TypeError) as error:
                raise ValueError(f"{cls.__name__}.{name}: {error}") from None
        return cls(*values)

    register_encoder(msg_type, encoder)
    register_decoder(msg_type, decoder)


for _type, (_cls, _checks) in _LAYOUTS.items():
    _register_layout(_type, _cls, _checks)
