"""Joining where no hub is."""

import pytest

from xr_ai_client import ConnectionFailedError, Participant

pytestmark = pytest.mark.anyio


async def test_no_hub_is_said_with_its_address():
    with pytest.raises(ConnectionFailedError, match=r"127\.0\.0\.1:9/token"):
        await Participant.join("https://127.0.0.1:9", "alice", verify=False)
