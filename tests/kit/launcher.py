"""What every test of the launcher needs, beside its code as in `tests/launcher`."""

from pathlib import Path

import pytest

from xr_ai_launcher import testing

__all__ = ("free_port", "own_cache")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Plans that tests store stay theirs."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def free_port() -> int:
    """A port for a server to come."""
    return testing.free_port()
