"""Adding, moving and deleting: which tools, in which order, and what to say about what they answered."""

from collections.abc import Mapping, Sequence
from typing import Any

from llm_server.embedded._context import Context
from llm_server.embedded._moves import along_ways
from llm_server.embedded._places import free_point, free_points, point_at, row, tower
from llm_server.embedded._references import matching
from llm_server.embedded._steps import Call, CannotDoError, Outcome, Plan, RefusalError
from llm_server.embedded._words import counted, listed, named, to_you
from llm_server.embedded._world import DEFAULT_COLOR, Point, SceneObject
from scene_language.colors import rgb_of
from scene_language.commands import (
    Add,
    AddAnother,
    All,
    Between,
    ChangeShape,
    Command,
    Delete,
    Here,
    Me,
    Move,
    NewThing,
    OnFloor,
    Place,
    RelativeTo,
    The,
    Tower,
)
from scene_language.describe import say_place, say_thing
from scene_language.lexicon import DEFAULT_SIZE_M, PRIMITIVE_OF_SHAPE, SIZES_M, plural

__all__ = (
    "add",
    "add_another",
    "cannot_draw",
    "delete",
    "drawable",
    "drawable_names",
    "move",
    "named",
    "said_outcomes",
    "update_all",
)

_IN_VIEW = RelativeTo("front", Me())
# What the renderers of today draw, for tools whose schema does not list the types.
_DRAWN_TYPES = ("box", "sphere")
_MAX_AT_ONCE = 20


def drawable(shape: str, context: Context, tool: str = "add_primitive") -> str:
    """Return the primitive type of a spoken shape.

    Raises:
        CannotDoError: the renderer does not draw it.
    """
    primitive = PRIMITIVE_OF_SHAPE[shape]
    if primitive not in _drawn(context, tool):
        raise RefusalError(f"I can only draw {drawable_names(context, tool)}, no {plural(shape)}")
    return primitive


def drawable_names(context: Context, tool: str = "add_primitive") -> str:
    """Return what the renderer draws: "cubes and spheres"."""
    return listed([plural("cube" if name == "box" else name) for name in _drawn(context, tool)])


def cannot_draw(command: Command, context: Context) -> str:
    """Return why a command is in vain from the start: it wants a shape that nobody can draw; empty when it does not."""
    match command:
        case Add(NewThing(shape)):
            tool = "add_primitive"
        case Move(The(str(shape)), RelativeTo() | Between() | Here() | OnFloor()):
            tool = "add_primitive"
        case ChangeShape(_, shape):
            tool = "update_primitive"
        case _:
            return ""
    try:
        drawable(shape, context, tool)
    except RefusalError as refusal:
        return str(refusal)
    return ""


def _drawn(context: Context, tool: str) -> Sequence[str]:
    return context.tools.choices(tool, "prim_type") or _DRAWN_TYPES


# --- adding
def add(command: Add, context: Context) -> Plan[str]:
    """Add one thing or several."""
    thing = command.thing
    if thing.count > _MAX_AT_ONCE:
        raise RefusalError(f"I add at most {_MAX_AT_ONCE} things at a time, not {thing.count}")
    if thing.count < 1:
        raise RefusalError("there is nothing to add")
    primitive = drawable(thing.shape, context)
    size = thing.size_m or DEFAULT_SIZE_M
    place = command.place or _IN_VIEW
    middle = yield from point_at(place, size, context)
    if command.place is None and thing.count == 1:
        middle = yield from free_point(middle, size, context)
    points = (
        tower(middle, thing.count, size) if command.is_tower else (yield from row(middle, thing.count, size, context))
    )
    if command.place is None and thing.count > 1:
        points = yield from free_points(points, size, context, aside=command.is_tower)
    outcomes = yield from _add_at(points, primitive, thing, size, context)
    added = sum(not outcome.problem for outcome in outcomes)
    if added == 0:
        raise CannotDoError(outcomes[0].problem)
    what = say_thing(thing) if added == thing.count else f"only {added} of {counted(thing.count, thing.shape)}"
    what = f"a tower of {what}" if command.is_tower else what
    plain = f", in a plain color: I have no {thing.material} look" if thing.material else ""
    return f"I put {what} {to_you(_said_place(place))}{plain}" + _shortfall(outcomes)


def _add_at(
    points: Sequence[Point], primitive: str, thing: NewThing, size: float, context: Context
) -> Plan[list[Outcome]]:
    color = rgb_of(thing.color) if thing.color else None
    arguments = {"prim_type": primitive, **_rgb(color), "size": size}
    calls = [Call("add_primitive", {**arguments, **point.arguments()}) for point in points]
    outcomes = yield from context.tools.call_all(calls)
    scene = yield from context.scene()
    context.focus = []
    for point, outcome in zip(points, outcomes, strict=True):
        object_id = outcome.fields.get("id")
        if not outcome.problem and isinstance(object_id, str):
            scene.put(SceneObject(object_id, primitive, point, color or DEFAULT_COLOR, size))
            context.focus.append(object_id)
    return outcomes


def _rgb(color: tuple[float, float, float] | None) -> dict[str, float]:
    return {} if color is None else {key: round(part, 4) for key, part in zip("rgb", color, strict=True)}


def _said_place(place: Place) -> str:
    return say_place(RelativeTo("front", Me()) if isinstance(place, Here) else place)


def add_another(command: AddAnother, context: Context) -> Plan[str]:
    """Add a copy of what the talk was about, beside it unless a place is said."""
    original = yield from context.one(command.of)
    place = command.place
    point = yield from point_at(place or RelativeTo("next_to", command.of), original.size, context)
    if place is None:
        point = yield from free_point(point, original.size, context)
    arguments = {"prim_type": original.type, **point.arguments(), **_rgb(original.color), "size": original.size}
    outcome = yield from context.tools.need("add_primitive", **arguments)
    scene = yield from context.scene()
    new_id = str(outcome.fields.get("id"))
    scene.put(SceneObject(new_id, original.type, point, original.color, original.size))
    context.focus = [new_id]
    where = to_you(say_place(place)) if place is not None else "beside the first"
    return f"I put another {original.name} {where}"


# --- moving
def move(command: Move, context: Context) -> Plan[str]:
    """Move things to a place or along ways; a fully described thing that is not there is added instead."""
    new = yield from _meant_as_new(command, context)
    if new is not None:
        return (yield from add(new, context))
    objects = yield from context.objects(command.target)
    match command.to:
        case RelativeTo() | Between() | Here() | OnFloor() as place:
            points = yield from _points_at(place, objects, context)
            if isinstance(command.target, Tower):
                points = _as_they_stand(objects, points)
            said = to_you(_said_place(place))
        case ways:
            points, said = yield from along_ways(ways, objects, context)
    outcomes = yield from update_all(objects, [point.arguments() for point in points], context)
    for item, point, outcome in zip(objects, points, outcomes, strict=True):
        if not outcome.problem:
            (yield from context.scene()).change(item.id, position=point)
    return said_outcomes("moved", objects, outcomes, said)


def _meant_as_new(command: Move, context: Context) -> Plan[Add | None]:
    """Hearing takes "a" for "the": "put the red cube in front of me" asks for a new one where there is none."""
    target = command.target
    match command.to:
        case RelativeTo() | Between() | Here() | OnFloor() as place:
            pass
        case _:
            return None
    if not isinstance(target, The) or target.shape is None or target.choice is not None:
        return None
    scene = yield from context.scene()
    if matching(target, scene.objects):
        return None
    size = SIZES_M[target.size] if target.size else None
    return Add(NewThing(target.shape, target.color, size), place)


def _points_at(place: Place, objects: Sequence[SceneObject], context: Context) -> Plan[list[Point]]:
    if isinstance(place, OnFloor):
        return [Point(item.position.x, item.size, item.position.z) for item in objects]
    anchor_ids = yield from _anchor_ids(place, context)
    if any(item.id in anchor_ids for item in objects):
        raise CannotDoError("a thing cannot be placed by itself")
    largest = max(item.size for item in objects)
    middle = yield from point_at(place, largest, context, moved=objects[0])
    return (yield from row(middle, len(objects), largest, context))


def _as_they_stand(objects: Sequence[SceneObject], points: Sequence[Point]) -> list[Point]:
    """A tower stays one, its lowest thing at the height of the place and above the middle of it."""
    base, to = objects[0].position, points[0]
    x, z = (sum(part) / len(points) for part in zip(*((point.x, point.z) for point in points), strict=True))
    x, z = round(x, 4), round(z, 4)
    return [Point(x, round(to.y + item.position.y - base.y, 4), z) for item in objects]


def _anchor_ids(place: Place, context: Context) -> Plan[list[str]]:
    parts = (
        [place.anchor] if isinstance(place, RelativeTo) else [place.a, place.b] if isinstance(place, Between) else []
    )
    ids: list[str] = []
    for anchor in parts:
        if isinstance(anchor, The | All | Tower):
            ids += [item.id for item in (yield from context.objects(anchor))]
    return ids


# --- deleting
def delete(command: Delete, context: Context) -> Plan[str]:
    """Take things out of the scene."""
    scene = yield from context.scene()
    if isinstance(command.target, All) and not scene.objects:
        return "The scene is empty already"
    objects = yield from context.objects(command.target)
    outcomes = yield from context.tools.call_all([Call("remove_primitive", {"obj_id": item.id}) for item in objects])
    for item, outcome in zip(objects, outcomes, strict=True):
        if not outcome.problem:
            scene.remove(item.id)
    context.focus = []
    return said_outcomes("deleted", objects, outcomes)


# --- shared
def update_all(
    objects: Sequence[SceneObject], changes: Sequence[Mapping[str, Any]], context: Context
) -> Plan[list[Outcome]]:
    """Send one update for each object, all in one step, and make them what the talk is about."""
    calls = [Call("update_primitive", {"obj_id": o.id, **change}) for o, change in zip(objects, changes, strict=True)]
    outcomes = yield from context.tools.call_all(calls)
    context.focus = [item.id for item in objects]
    return outcomes


def said_outcomes(done: str, objects: Sequence[SceneObject], outcomes: Sequence[Outcome], how: str = "") -> str:
    """Return "I moved the red cube 1 meter up", and what did not work.

    Raises:
        CannotDoError: nothing worked.
    """
    worked = [item for item, outcome in zip(objects, outcomes, strict=True) if not outcome.problem]
    if not worked:
        raise CannotDoError(outcomes[0].problem)
    return " ".join(part for part in ("I", done, named(worked), how) if part) + _shortfall(outcomes)


def _shortfall(outcomes: Sequence[Outcome]) -> str:
    problems = [outcome.problem for outcome in outcomes if outcome.problem]
    return f", but {len(problems)} of {len(outcomes)} did not work: {problems[0]}" if problems else ""
