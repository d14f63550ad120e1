"""The names of `xr_ai_agent` under the hub's own path; agents import them from `xr_ai_agent` directly."""

from xr_ai_agent import *  # noqa: F403 - the whole public surface, by contract
from xr_ai_agent import __all__ as __all__
