"""What every test of the launcher needs."""

from kit.launcher import free_port, own_cache

__all__ = ("free_port", "own_cache")
