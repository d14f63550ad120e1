"""The hub's own path to the agents' names."""

import xr_ai_agent
from xr_media_hub import ipc


def test_the_hub_re_exports_every_name_of_the_agent_sdk() -> None:
    assert {name: getattr(ipc, name) for name in xr_ai_agent.__all__} == {
        name: getattr(xr_ai_agent, name) for name in xr_ai_agent.__all__
    }
