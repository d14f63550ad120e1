"""Further kinds of setup step, brought by installed packages.

A stack file knows ``run`` and ``binary``. A package adds a kind by an entry point; its name is the key in the step::

    # pyproject.toml of the package                       # stack.yaml of its users
    [project.entry-points."xr_ai_launcher.setup_kinds"]   setup:
    unpack = "my_package:Unpack"                            pictures:
                                                              unpack: {archive: pictures.zip, to: pictures}
                                                              export: PICTURES

The kind is a class: a pydantic model of its settings, a quick look, and the work::

    class Settings(BaseModel):
        archive: ConfigPath          # relative to the stack file that says it
        to: ConfigPath

    class Unpack(SetupKind[Settings]):
        \"\"\"Unpacks an archive.\"\"\"

        settings = Settings

        def look(self, settings: Settings, environment: Mapping[str, str]) -> Done | None:
            return Done(settings.to) if settings.to.is_dir() else None

        def take(self, settings: Settings, bench: Bench) -> Done:
            fresh = settings.to.with_name(f".{settings.to.name}.partial")
            shutil.rmtree(fresh, ignore_errors=True)
            bench.say(f"unpacking {settings.archive}")
            shutil.unpack_archive(settings.archive, fresh)
            fresh.rename(settings.to)
            return Done(settings.to)

Wrong and unknown settings are reported with ``file:line:column`` like everything else in a stack file. ``needs``,
``requires``, ``export``, ``enabled`` and ``description`` work as in any step; so do the lock against a second launcher
and progress.

**Ctrl-C** ends the process in which `take` runs, at any instant. So make things beside their place and rename them when
they are whole (`write_atomically`, `put_in_place`), and start other programs with `Bench.run`, which ends them too.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel

from xr_ai_config import ConfigPath
from xr_ai_launcher._setup.bench import Bench, CommandResult
from xr_ai_launcher._setup.errors import SetupError
from xr_ai_launcher._setup.files import put_in_place, write_atomically

__all__ = (
    "ENTRY_POINT_GROUP",
    "Bench",
    "CommandResult",
    "ConfigPath",
    "Done",
    "SetupError",
    "SetupKind",
    "put_in_place",
    "write_atomically",
)

ENTRY_POINT_GROUP = "xr_ai_launcher.setup_kinds"

SettingsT = TypeVar("SettingsT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Done:
    """A step has nothing (more) to do."""

    result: str | os.PathLike[str] | None = None
    """What roles find in the variable of ``export`` and in ``${setup.NAME}``; None when the step is about nothing of
    the sort."""


class SetupKind(ABC, Generic[SettingsT]):
    """One kind of step. Made without arguments, used for many steps and from many threads: keep nothing in it."""

    settings: ClassVar[type[BaseModel]]
    """The model of what stands under the kind's key. Its values must survive being written as JSON and read again."""

    @abstractmethod
    def look(self, settings: SettingsT, environment: Mapping[str, str]) -> Done | None:
        """Return the result if everything is up to date, None if `take` has to do something.

        Called at every start in the launcher itself: look at a file or two, ask no network.
        """

    @abstractmethod
    def take(self, settings: SettingsT, bench: Bench) -> Done:
        """Do what is to be done; no other launcher does the same meanwhile.

        Raises:
            SetupError: it cannot be done here; the message says what the user should do.
        """

    def creates(self, settings: SettingsT) -> Sequence[Path]:
        """Return what the step makes, so that ``check`` does not miss it before the first time."""
        return ()
