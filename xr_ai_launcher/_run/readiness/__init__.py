"""Knowing when a role is ready, from the role itself and from nobody else."""

from xr_ai_launcher._run.readiness.base import Watch, WatchContext
from xr_ai_launcher._run.readiness.watch import start_watch

__all__ = ["Watch", "WatchContext", "start_watch"]
