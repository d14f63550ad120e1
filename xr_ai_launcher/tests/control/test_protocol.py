"""The words of the control socket, and the data that they carry."""

import json

import pytest

from xr_ai_launcher._control.model import Event, RoleStatus, StackStatus
from xr_ai_launcher._control.protocol import ProtocolError, Request, encode, parse_request


def line(**message):
    return json.dumps({"v": 1, "id": 1} | message).encode()


def test_requests_are_understood():
    assert parse_request(line(request="status")) == Request(1, "status")
    assert parse_request(line(request="restart", role="web")) == Request(1, "restart", "web")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"hello", "expected one JSON object"),
        (b"\xff\xfe", "expected one JSON object"),
        (b"[" * 50_000, "expected one JSON object"),
        (b"[1]", "expected a JSON object"),
        (b'{"v": 1}', 'expected an "id"'),
        (b'{"v": 1, "id": true, "request": "status"}', 'expected an "id"'),
        (
            line(v=99, request="status"),
            "speaks version 1 of the control protocol, not 99: use the xrstack that started",
        ),
        (b'{"id": 1, "request": "status"}', "not None"),
        (line(request="explode"), "expected a request of status, subscribe, restart, down, found 'explode'"),
        (line(request="restart"), 'expected "role" with restart'),
        (line(request="down", role="web"), 'expected "role" with restart, and only there'),
        (line(request="restart", role=7), 'expected "role"'),
    ],
)
def test_everything_else_is_answered_with_a_sentence(text, words):
    with pytest.raises(ProtocolError) as error:
        parse_request(text)
    assert words in str(error.value)


def test_an_error_names_the_request_if_it_has_a_number():
    with pytest.raises(ProtocolError) as error:
        parse_request(b'{"v": 2, "id": 12, "request": "status"}')
    assert error.value.id == 12


def test_messages_are_one_line_with_the_version():
    assert encode({"id": 1, "error": "two\nlines, ünïcode"}) == (
        '{"v":1,"id":1,"error":"two\\nlines, ünïcode"}\n'.encode()
    )


def status(**changes):
    roles = (RoleStatus("web", state="starting", ports={"http": 1}), RoleStatus("db"))
    return StackStatus(**{"stack": "s", "run_id": "s-1", "source": "/s.yaml", "roles": roles} | changes)


def test_statuses_and_events_come_back_as_they_were():
    event = Event("ready", 12.5, RoleStatus("web", state="ready", ready_after_s=0.5), "text", 3)
    assert StackStatus.from_json(json.loads(json.dumps(status().as_json()))) == status()
    assert Event.from_json(json.loads(json.dumps(event.as_json()))) == event


def test_data_of_another_version_is_read_as_far_as_it_is_known():
    data = status().as_json() | {"new": 1}
    data["roles"] = [{"name": "web", "newer": 2}]
    read = StackStatus.from_json(data)
    assert read.roles == (RoleStatus("web"),)


def test_an_event_changes_the_status_it_belongs_to():
    ready = RoleStatus("web", state="ready")
    after = status().after(Event("ready", 1.0, ready)).after(Event("up", 2.0))
    assert after.role("web") == ready
    assert after.role("db") == RoleStatus("db")
    assert after.state == "up"
    assert after.after(Event("stop", 3.0)).state == "stopping"
