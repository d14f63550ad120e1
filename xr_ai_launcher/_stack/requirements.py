"""Programs that must be installed, in either form a stack file writes them."""

from xr_ai_launcher._stack.places import Places
from xr_ai_launcher._stack.plan import Requirement

__all__ = ("requirements",)


def requirements(
    wanted: list[str] | dict[str, str], places: Places, at: tuple[str | int, ...]
) -> tuple[Requirement, ...]:
    """Return what ``[npm]`` or ``{npm: how to get it}`` at ``at`` asks for."""
    if isinstance(wanted, dict):
        return tuple(Requirement(name, hint, str(places.key_mark(*at, name))) for name, hint in wanted.items())
    return tuple(Requirement(name, "", str(places.mark(*at, index))) for index, name in enumerate(wanted))
