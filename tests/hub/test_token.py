"""Tokens of a running hub: what is in them."""

from typing import Any

import pytest
from kit.hub import SPARE_SECRET, get_json
from livekit import api

pytestmark = pytest.mark.anyio


async def test_the_grants_are_those_of_one_participant_for_a_minute(hub: Any) -> None:
    _, admission = await get_json(f"{hub.url}/token", params={"identity": "granted"})
    claims = api.TokenVerifier("xr-hub", SPARE_SECRET).verify(admission["token"])

    assert (claims.identity, claims.kind, claims.metadata) == ("granted", "standard", "")
    assert claims.video == api.VideoGrants(
        room_join=True,
        room=admission["room"],
        can_publish_sources=["microphone", "camera"],
        can_update_own_metadata=False,
    )
    assert claims.sip in (None, api.SIPGrants())
    with pytest.raises(Exception, match="ignature"):
        api.TokenVerifier("xr-hub", "x" * 32).verify(admission["token"])
