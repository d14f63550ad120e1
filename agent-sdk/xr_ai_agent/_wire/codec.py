"""Bytes ↔ messages: one type byte, then a msgpack list with the fields in the contract's order."""

import threading
from collections.abc import Callable
from typing import Any

import msgpack  # type: ignore[import-untyped]

from xr_ai_agent._errors import CodecError, MalformedMessageError, UnknownMessageError
from xr_ai_agent._wire.layouts import LAYOUTS

Encoder = Callable[[Any], list[Any] | tuple[Any, ...]]
Decoder = Callable[[list[Any]], Any]

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


for _type, _layout in LAYOUTS.items():
    register_encoder(_type, _layout.encode)
    register_decoder(_type, _layout.decode)
