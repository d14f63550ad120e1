"""Two things and what they share: places or colours exchanged, one made as big as the other or of its colour."""

from typing import Any

from llm_server.embedded._context import Context
from llm_server.embedded._edits import said_outcomes, update_all
from llm_server.embedded._steps import CannotDoError, Plan
from llm_server.embedded._world import SceneObject
from scene_language.colors import RGB
from scene_language.commands import It, Match, Reference, Swap

__all__ = ("match_to", "swap")


def swap(command: Swap, context: Context) -> Plan[str]:
    """Exchange the places or the colours of two things."""
    if command.a == command.b:
        a, b = yield from _two(command.a, context)
    else:
        a = yield from context.one(command.a)
        b = yield from context.one(command.b)
    if a.id == b.id:
        raise CannotDoError("that is one and the same thing")
    said = f"the {a.name} and the {b.name}"
    is_color = command.what == "color"
    changes = [_rgb(b.color), _rgb(a.color)] if is_color else [b.position.arguments(), a.position.arguments()]
    outcomes = yield from update_all([a, b], changes, context)
    problem = next((outcome.problem for outcome in outcomes if outcome.problem), "")
    if problem:
        raise CannotDoError(problem)
    scene = yield from context.scene()
    for item, other in ((a, b), (b, a)):
        scene.change(item.id, **({"color": other.color} if is_color else {"position": other.position}))
    return f"I swapped {'the colors of ' if is_color else ''}{said}"


def _two(which: Reference, context: Context) -> Plan[tuple[SceneObject, SceneObject]]:
    """What "them" stands for in "swap them": the two things talked about, or the only two there are."""
    found = yield from context.objects_or_all(which)
    if len(found) != 2 and isinstance(which, It):
        found = (yield from context.scene()).objects
    if len(found) != 2:
        raise CannotDoError(f"I need two objects for that, and there are {len(found)}")
    return found[0], found[1]


def match_to(command: Match, context: Context) -> Plan[str]:
    """Give things the size or the colour of another one."""
    like = yield from context.one(command.like)
    objects = yield from context.objects(command.target)
    if any(item.id == like.id for item in objects):
        raise CannotDoError("that is one and the same thing")
    change = _rgb(like.color) if command.what == "color" else {"size": like.size}
    outcomes = yield from update_all(objects, [change] * len(objects), context)
    how = f"as big as the {like.name}" if command.what == "size" else f"the same color as the {like.name}"
    reply = said_outcomes("made", objects, outcomes, how)
    scene = yield from context.scene()
    new: dict[str, Any] = {"color": like.color} if command.what == "color" else {"size": like.size}
    for item, outcome in zip(objects, outcomes, strict=True):
        if not outcome.problem:
            scene.change(item.id, **new)
    return reply


def _rgb(color: RGB) -> dict[str, float]:
    return {key: round(part, 4) for key, part in zip("rgb", color, strict=True)}
