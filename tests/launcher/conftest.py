"""Real launchers, and real programs under them."""

from kit.launcher import free_port, own_cache

__all__ = ("free_port", "own_cache")
