"""Further kinds of setup step among the installed packages (see `xr_ai_launcher.setup_kinds`)."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from xr_ai_launcher.setup_kinds import ENTRY_POINT_GROUP, SetupKind

__all__ = ("InstalledKind", "KindError", "installed_kind_names", "load_kind")


class KindError(Exception):
    """A kind cannot be used; the message says why and what repairs it."""


@dataclass(frozen=True, slots=True)
class InstalledKind:
    """A kind that works, and the package it comes from."""

    kind: SetupKind[Any]
    package: str
    metadata: Path | None
    """A file that changes with the package's version, if there is one."""


def installed_kind_names() -> list[str]:
    """Return the names of all kinds that packages offer."""
    return sorted({entry.name for entry in entry_points(group=ENTRY_POINT_GROUP)})


def load_kind(name: str) -> InstalledKind:
    """Return the kind of this name.

    Raises:
        KindError: no package offers it, several do, or what is offered is of no use.
    """
    offers = {_package(entry): entry for entry in entry_points(group=ENTRY_POINT_GROUP, name=name)}
    if not offers:
        raise KindError(f"no installed package offers the setup kind `{name}`; install the one that does")
    if len(offers) > 1:
        raise KindError(f"{' and '.join(sorted(offers))} both offer the setup kind `{name}`; uninstall one of them")
    ((package, entry),) = offers.items()
    return InstalledKind(_instance(name, package, entry), package, _metadata_file(entry))


def _instance(name: str, package: str, entry: EntryPoint) -> SetupKind[Any]:
    try:
        offered = entry.load()
        kind = offered() if isinstance(offered, type) and issubclass(offered, SetupKind) else None
    except Exception as error:  # whatever a package of somebody else does
        reason = f"{type(error).__name__}: {error}"
        raise KindError(
            f"the setup kind `{name}` of {package} cannot be loaded: {reason}; reinstall {package}"
        ) from error
    if kind is None:
        raise KindError(f"the setup kind `{name}` of {package} is not a class derived from SetupKind; update {package}")
    return kind


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else entry.value


def _metadata_file(entry: EntryPoint) -> Path | None:
    if entry.dist is None:
        return None
    for file in entry.dist.files or ():
        if file.name == "METADATA":
            return Path(str(entry.dist.locate_file(file)))
    return None
