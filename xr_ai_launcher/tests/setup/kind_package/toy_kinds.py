"""A kind of setup step as a package of somebody else would bring it, with nothing but the public interface."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, Field

from xr_ai_launcher.setup_kinds import Bench, ConfigPath, Done, SetupError, SetupKind, write_atomically

_STEPS = 4


class Water(BaseModel):
    """How it is watered."""

    litres: float = 1.0


class Settings(BaseModel):
    """What stands under `grow`."""

    to: ConfigPath
    size: int = Field(4, ge=1)
    """Bytes of the plant."""
    water: Water = Water()
    api_token: str = ""
    wait_for: ConfigPath | None = None


class Grow(SetupKind[Settings]):
    """Grows a file of a certain size."""

    settings = Settings

    def look(self, settings: Settings, environment: Mapping[str, str]) -> Done | None:
        return Done(settings.to) if settings.to.is_file() and settings.to.stat().st_size == settings.size else None

    def take(self, settings: Settings, bench: Bench) -> Done:
        if settings.size > 100:
            raise SetupError(f"{settings.size} is more than grows here; ask for 100 at most")
        bench.say(f"growing {settings.to.name} in {bench.environment['SOIL']}")
        for step in range(_STEPS):
            bench.progress(step * settings.size // _STEPS, settings.size)
        result = bench.run(["sh", "-c", "echo photosynthesis"], cwd=settings.to.parent, env={})
        while settings.wait_for is not None and not settings.wait_for.exists():
            time.sleep(0.01)
        write_atomically(settings.to, b"x" * settings.size)
        assert result.code == 0
        return Done(settings.to)

    def creates(self, settings: Settings) -> Sequence[Path]:
        return [settings.to]


class Clumsy(SetupKind[Settings]):
    """Has a bug."""

    settings = Settings

    def look(self, settings: Settings, environment: Mapping[str, str]) -> Done | None:
        return None

    def take(self, settings: Settings, bench: Bench) -> Done:
        return Done(len(None))  # type: ignore[arg-type]
