"""Names that may cross the hub, and where the hub is."""

import pytest

from xr_ai_agent import DEFAULT_PUB_ADDR, DEFAULT_PULL_ADDR, InvalidIdError, hub_addresses, validate_participant_id
from xr_ai_agent._wire.ids import validate_connector_id, validate_shm_name, validate_topic, validate_track_id


@pytest.mark.parametrize("good", ["alice", "web-user_2", "A", "me@home", "x" * 64])
def test_ordinary_participant_ids_pass(good):
    assert validate_participant_id(good) == good


@pytest.mark.parametrize(
    "bad", ["", "a.b", "a/b", "..", "a b", "żółw", "a\n", "alice\0", "x" * 65, "a#x", "😀", "a*", "a\\b"]
)
def test_ids_that_would_leak_into_topics_or_paths_are_refused_with_what_is_allowed(bad):
    with pytest.raises(InvalidIdError, match="1 to 64 letters, digits"):
        validate_participant_id(bad)


@pytest.mark.parametrize(
    ("validate", "bad"),
    [
        (validate_track_id, ""),
        (validate_track_id, "a b"),
        (validate_track_id, "é"),
        (validate_connector_id, "a.b"),
        (validate_shm_name, "../etc/passwd"),
        (validate_shm_name, "a/b"),
        (validate_topic, "x" * 257),
    ],
)
def test_other_names_are_checked_as_well(validate, bad):
    with pytest.raises(InvalidIdError):
        validate(bad)


def test_addresses_come_from_the_environment_else_from_the_contract(monkeypatch):
    monkeypatch.delenv("XR_HUB_PUB", raising=False)
    monkeypatch.delenv("XR_HUB_IN", raising=False)
    assert hub_addresses() == ("ipc:///tmp/xr_hub_pub", "ipc:///tmp/xr_hub_in") == (DEFAULT_PUB_ADDR, DEFAULT_PULL_ADDR)
    monkeypatch.setenv("XR_HUB_PUB", "ipc:///run/a/pub")
    monkeypatch.setenv("XR_HUB_IN", "ipc:///run/a/in")
    assert hub_addresses() == ("ipc:///run/a/pub", "ipc:///run/a/in")
