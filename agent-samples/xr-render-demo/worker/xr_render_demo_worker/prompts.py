"""The prompts, read from files so that they can be edited while the worker runs."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ("BUILT_IN_PROMPTS", "Prompts")

logger = logging.getLogger(__name__)

BUILT_IN_PROMPTS = Path(__file__).parent / "prompts"


@dataclass
class Prompts:
    """Texts of one folder, read again when a file changes; the last good copy serves when it cannot be read."""

    folder: Path = BUILT_IN_PROMPTS
    _cache: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def system(self) -> str:
        """The agent's role, tools and rules."""
        return self._read("system.txt")

    @property
    def quick_ack(self) -> str:
        """How to acknowledge a request in a few words."""
        return self._read("quick_ack.txt")

    @property
    def still_working(self) -> str:
        """How to say what is taking so long."""
        return self._read("still_working.txt")

    def _read(self, name: str) -> str:
        path = self.folder / name
        cached = self._cache.get(name)
        try:
            changed_ns = path.stat().st_mtime_ns
            if cached is None or cached[0] != changed_ns:
                cached = (changed_ns, path.read_text(encoding="utf-8").strip())
                self._cache[name] = cached
        except OSError:
            if cached is None:
                raise
            logger.warning("%s cannot be read; the copy read before is used", path)
        return cached[1]
