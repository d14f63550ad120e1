"""The wire: golden bytes of every contract message, round trips of anything, and rubbish that is only refused."""

import contextlib
import dataclasses

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xr_ai_agent import (
    AudioChunk,
    CodecError,
    ConnectorRegistration,
    ControlMessage,
    DataMessage,
    FrameData,
    FrameRequest,
    FrameSignal,
    MalformedMessageError,
    MsgType,
    ParticipantEvent,
    PixelFormat,
    ReturnAudioFlush,
    RosterRequest,
    UnknownMessageError,
    decode,
    encode,
    register_decoder,
    register_encoder,
)
from xr_ai_agent._wire.layouts import LAYOUTS

# Message, and the list that the v0.1 contract puts on the wire for it, in its order.
GOLDEN = [
    (1, FrameSignal(3, 7, -5, 640, 480, PixelFormat.NV12, 9, "alice", "T"), [3, 7, -5, 640, 480, 1, 9, "alice", "T"]),
    (2, AudioChunk(9, 48000, 2, 1, b"\0" * 8, "alice", "m"), [9, 48000, 2, 1, b"\0" * 8, "alice", "m"]),
    (3, ControlMessage("t", {"a": 1}), ["t", {"a": 1}]),
    (4, DataMessage("alice", "chat", 9, b"hi"), ["alice", "chat", 9, b"hi"]),
    (5, AudioChunk(9, 16000, 1, 1, b"abcd"), [9, 16000, 1, 1, b"abcd", "default", "default"]),
    (6, DataMessage("bob", "", 0, b""), ["bob", "", 0, b""]),
    (7, ParticipantEvent("alice", True, 4), ["alice", True, 4, ""]),
    (8, ConnectorRegistration("c", "xr_conn_c"), ["c", "xr_conn_c"]),
    (9, FrameRequest("alice", "v"), ["alice", "v"]),
    (10, FrameData(1, 2, 4, 2, PixelFormat.BGRA, b"xy", "alice", "v"), [1, 2, 4, 2, 4, b"xy", "alice", "v"]),
    (11, ReturnAudioFlush("alice"), ["alice"]),
    (12, RosterRequest(), []),
]  # fmt: skip


@pytest.mark.parametrize(("msg_type", "message", "fields"), GOLDEN, ids=lambda v: v if type(v) is int else "")
def test_each_contract_message_has_exactly_the_bytes_of_the_contract(msg_type, message, fields):
    wire = bytes([msg_type]) + msgpack.packb(fields, use_bin_type=True)
    assert encode(msg_type, message) == wire
    assert decode(wire) == (msg_type, message)


@pytest.mark.parametrize(("msg_type", "message", "fields"), GOLDEN, ids=lambda v: v if type(v) is int else "")
def test_a_decoded_message_is_as_one_that_a_program_made(msg_type, message, fields):
    """Several callbacks get the same one: none of them can change it for the others."""
    _, decoded = decode(encode(msg_type, message))
    assert type(decoded) is type(message)
    assert repr(decoded) == repr(message)
    assert dataclasses.replace(decoded) == message
    for field in dataclasses.fields(decoded):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(decoded, field.name, getattr(message, field.name))


def test_two_messages_are_spelled_out_byte_by_byte():
    # Independent of any msgpack library: fixarray, fixstr, true, positive fixint.
    assert encode(MsgType.PARTICIPANT_EVENT, ParticipantEvent("al", True, 4, "c")) == b"\x07\x94\xa2al\xc3\x04\xa1c"
    assert encode(MsgType.RETURN_DATA, DataMessage("al", "", 1, b"hi")) == b"\x06\x94\xa2al\xa0\x01\xc4\x02hi"


def test_message_ids_are_the_contract_s_and_ours_start_at_32():
    names = "FRAME_SIGNAL AUDIO_CHUNK CONTROL DATA_MESSAGE RETURN_AUDIO RETURN_DATA PARTICIPANT_EVENT CONNECTOR_REGISTER FRAME_REQUEST FRAME_DATA RETURN_AUDIO_FLUSH ROSTER_REQUEST"  # noqa: E501
    assert [MsgType(i).name for i in range(1, 13)] == names.split()
    assert all(m >= 32 for m in MsgType if m > 12)
    assert {f.name: f.value for f in PixelFormat} == {"I420": 0, "NV12": 1, "RGB24": 2, "RGBA": 3, "BGRA": 4}


u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
i64 = st.integers(-(2**63), 2**63 - 1)
side = st.integers(0, 32_768)


def lists_of(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(strategy, max_size=3).map(tuple)


text = st.text(max_size=40)
blob = st.binary(max_size=200)
formats = st.sampled_from(PixelFormat)
rate, channels, flag = st.integers(1, 768_000), st.integers(1, 64), st.booleans()
some = st.none() | i64 | text | blob | flag
# What the contract says of each message's fields, in the order of the wire.
AUDIO = (i64, rate, channels, u32, blob, text, text)
DATA = (text, text, i64, blob)
CONTRACT: dict[int, tuple[st.SearchStrategy, ...]] = {
    1: (u32, u64, i64, side, side, formats, u32, text, text),
    2: AUDIO,
    3: (text, st.dictionaries(text, some, max_size=3)),
    4: DATA,
    5: AUDIO,
    6: DATA,
    7: (text, flag, i64, text),
    8: (text, text),
    9: (text, text),
    10: (u64, i64, side, side, formats, blob, text, text),
    11: (text,),
    12: (),
    32: (u32, text, lists_of(st.tuples(text, text, i64)), lists_of(text), lists_of(text)),
    33: (text, u32, lists_of(st.tuples(blob, u64))),
    34: (text,),
    35: (text, u32, text, text, u32, flag, lists_of(u64)),
    36: (u32, st.integers(0, 2), u64, i64, side, side, formats, u32, text, blob, u64, u64, u64, u64, blob),
    37: (text, u64),
    38: (text, text),
    39: (text, text, st.dictionaries(text, u64, max_size=3)),
    40: (text, u64, *AUDIO),
    41: (text, u64, text),
    42: (text,),
    43: (lists_of(st.tuples(text, i64)),),
    44: (text, u64),
    45: (text, u64, u32, u32, u32),
    46: (text, text, text, st.integers(2**62, 2**63 - 2)),
    47: (st.integers(2**62, 2**63 - 2), flag),
}
CASES = st.sampled_from(sorted(CONTRACT)).flatmap(lambda kind: st.tuples(st.just(kind), st.tuples(*CONTRACT[kind])))


def pack(msg_type: int, fields: tuple | list) -> bytes:
    return bytes([msg_type]) + msgpack.packb(fields, use_bin_type=True)


def test_every_message_has_a_row_in_the_contract():
    assert set(CONTRACT) == set(LAYOUTS) == {int(kind) for kind in MsgType}


@given(CASES)
def test_whatever_the_contract_allows_is_decoded_field_by_field_and_encoded_to_the_same_bytes(case):
    msg_type, fields = case
    wire = pack(msg_type, fields)
    found, message = decode(wire)
    assert found == msg_type
    assert tuple(getattr(message, field.name) for field in dataclasses.fields(message)) == fields
    assert encode(msg_type, message) == wire
    assert decode(pack(msg_type, [*fields, "of a newer peer"])) == (msg_type, message)
    if fields:
        with pytest.raises(MalformedMessageError, match="fields"):
            decode(pack(msg_type, fields[:-1]))


def is_like(other: object, right: object) -> bool:
    kind = int if isinstance(right, PixelFormat) else type(right)
    return type(other) is kind


@given(CASES.filter(lambda case: case[1]), st.data())
def test_a_field_of_another_type_or_range_is_refused_by_its_name(case, data):
    msg_type, fields = case
    at = data.draw(st.integers(0, len(fields) - 1))
    others = [None, 1.5, [[]], ["", 1], "text", b"binary", 1, True, {"map": None}]
    value = data.draw(st.sampled_from([other for other in others if not is_like(other, fields[at])]))
    name = dataclasses.fields(decode(pack(msg_type, fields))[1])[at].name
    with pytest.raises(MalformedMessageError, match=rf"\.{name}: "):
        decode(pack(msg_type, [*fields[:at], value, *fields[at + 1 :]]))


@pytest.mark.parametrize(
    ("msg_type", "at", "value"),
    [
        *((1, 0, -1), (1, 0, 2**32), (1, 1, -1), (1, 2, 2**63), (1, 3, 32_769), (1, 5, 5)),
        *((2, 1, 0), (2, 1, 768_001), (2, 2, 65), (36, 1, 3), (37, 1, -1), (40, 1, -1)),
    ],
)
def test_an_integer_out_of_its_range_is_refused(msg_type, at, value):
    fields = [*example(msg_type)]
    decode(pack(msg_type, fields))
    with pytest.raises(MalformedMessageError, match=str(value)):
        decode(pack(msg_type, [*fields[:at], value, *fields[at + 1 :]]))


def example(msg_type: int) -> list:
    examples = {1: GOLDEN[0][2], 2: GOLDEN[1][2], 37: ["a", 1], 40: ["a", 0, *GOLDEN[1][2]]}
    return examples.get(msg_type) or [1, 0, 1, 1, 1, 1, 0, 1, "", b"", 0, 0, 0, 0, b""]


@given(st.binary(max_size=300))
def test_rubbish_is_refused_with_our_own_error_and_nothing_else(frame):
    # Anything else than a CodecError fails the test by itself.
    with contextlib.suppress(CodecError):
        decode(frame)


@given(st.sampled_from(sorted(LAYOUTS)), st.lists(st.none() | i64 | text | blob | st.booleans(), max_size=12))
def test_wrong_fields_are_refused_with_our_own_error_and_nothing_else(msg_type, fields):
    try:
        _, message = decode(bytes([msg_type]) + msgpack.packb(fields))
    except CodecError:
        return
    assert encode(msg_type, message)[0] == msg_type


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (b"", "empty"),
        (b"\x01", "message id 1"),
        (b"\x04\x94\xa1a", "message id 4"),
        (b"\x04" + msgpack.packb(["a", "t", 1]), "expected 4 fields"),
        (b"\x04" + msgpack.packb({"a": 1}), "expected a list"),
        (b"\x04" + msgpack.packb([1, "t", 1, b""]), "DataMessage.participant_id: expected text"),
        (b"\x07" + msgpack.packb(["a", 1, 1, ""]), "ParticipantEvent.joined: expected true or false"),
        (b"\x01" + msgpack.packb([0, 0, 0, 1, 1, 9, 1, "a", "b"]), "FrameSignal.fmt"),
        (b"\x01" + msgpack.packb([-1, 0, 0, 1, 1, 0, 1, "a", "b"]), "FrameSignal.slot"),
        (b"\x04" + msgpack.packb(["a", "t", 1, "text, not binary"]), "DataMessage.data: expected binary"),
        (b"\x04" + b"\x91" * 5000 + b"\xc0", "message id 4"),
    ],
)
def test_each_refusal_names_what_is_wrong(frame, says):
    with pytest.raises(MalformedMessageError, match=says):
        decode(frame)


def test_an_unknown_id_is_a_key_error_that_names_it():
    with pytest.raises(KeyError, match="254"):
        decode(b"\xfe\x90")
    with pytest.raises(UnknownMessageError, match="254"):
        encode(254, object())


def test_fields_that_a_newer_peer_appends_are_ignored():
    assert decode(b"\x0b" + msgpack.packb(["alice", "new field"])) == (11, ReturnAudioFlush("alice"))


def test_a_program_may_add_its_own_messages():
    register_encoder(200, lambda m: [m["x"]])
    register_decoder(200, lambda fields: {"x": fields[0]})
    assert decode(encode(200, {"x": 5})) == (200, {"x": 5})
    with pytest.raises(ValueError, match="one byte"):
        register_encoder(256, list)


def test_a_field_that_cannot_travel_is_a_codec_error():
    with pytest.raises(CodecError, match="cannot encode message id 3"):
        encode(MsgType.CONTROL, ControlMessage("t", {"x": object()}))
    with pytest.raises(CodecError, match="cannot encode message id 11"):
        encode(MsgType.RETURN_AUDIO_FLUSH, ReturnAudioFlush("\ud800"))


@pytest.mark.parametrize(
    ("fmt", "size", "expected"),
    [("I420", (4, 4), 24), ("NV12", (3, 3), 17), ("RGB24", (2, 3), 18), ("RGBA", (2, 3), 24), ("BGRA", (1, 1), 4)],
)
def test_a_frame_has_as_many_bytes_as_its_format_says(fmt, size, expected):
    assert PixelFormat[fmt].frame_bytes(*size) == expected
