"""Moves by direction: one displacement as the user sees it, or steps towards and away from something."""

from collections.abc import Sequence
from itertools import groupby

from llm_server.embedded._context import Context
from llm_server.embedded._places import read_point
from llm_server.embedded._steps import Call, CannotDoError, Plan, RefusalError
from llm_server.embedded._words import listed, named, to_you
from llm_server.embedded._world import NEGLIGIBLE_M, Point, SceneObject, point_of
from scene_language.commands import It, Me, Shift, Toward
from scene_language.describe import say_length, say_reference
from scene_language.lexicon import STEP_M

__all__ = ("along_ways",)

_AXES = {
    "up": ("up", 1), "down": ("up", -1), "left": ("right", -1), "right": ("right", 1), "forward": ("forward", 1),
    "back": ("forward", -1),
}  # fmt: skip
# What comes nearer than this to somebody's head is in their face.
_FACE_ROOM_M = 0.3
_WAY_WORDS = {"left": "to the left", "right": "to the right"}


def along_ways(
    ways: Sequence[Shift | Toward], objects: Sequence[SceneObject], context: Context
) -> Plan[tuple[list[Point], str]]:
    """Return where the objects end, and the way in words.

    Raises:
        CannotDoError: a tool failed, or what to go to is not there.
    """
    points = [item.position for item in objects]
    said: list[str] = []
    for kind, group in groupby(ways, key=type):
        steps = list(group)
        if kind is Shift:
            points = yield from _displaced(objects, points, [s for s in steps if isinstance(s, Shift)], context)
            said += [_say_shift(step) for step in steps if isinstance(step, Shift)]
        for step in steps:
            if isinstance(step, Toward):
                points, words = yield from _toward(step, objects, points, context)
                said.append(words)
    return points, listed(said)


def _displaced(
    objects: Sequence[SceneObject], points: list[Point], shifts: Sequence[Shift], context: Context
) -> Plan[list[Point]]:
    delta = {"right": 0.0, "up": 0.0, "forward": 0.0}
    for shift in shifts:
        axis, sign = _AXES[shift.direction]
        delta[axis] += sign * (shift.distance_m if shift.distance_m is not None else STEP_M)
    if len(objects) == 1:
        return [
            read_point((yield from context.tools.need("displace_object", **points[0].arguments("current_"), **delta)))
        ]
    outcome = yield from context.tools.need(
        "displace_objects",
        object_ids=[item.id for item in objects],
        current_xs=[point.x for point in points],
        current_ys=[point.y for point in points],
        current_zs=[point.z for point in points],
        **delta,
    )
    items = outcome.fields.get("items")
    found = [point_of(item) for item in items] if isinstance(items, list) else []
    moved = [point for point in found if point is not None]
    if len(moved) != len(objects):
        raise CannotDoError(f"the spatial tool placed {len(moved)} of {len(objects)} objects")
    return moved


def _say_shift(shift: Shift) -> str:
    # To the centimeter: "2 feet" is said as 0.61 meters, not 0.6096.
    length = say_length(round(shift.distance_m, 2) if shift.distance_m is not None else STEP_M)
    return f"{length} {_WAY_WORDS.get(shift.direction, shift.direction)}"


def _toward(
    step: Toward, objects: Sequence[SceneObject], points: list[Point], context: Context
) -> Plan[tuple[list[Point], str]]:
    if isinstance(step.anchor, Me):
        target, name, beside = (yield from context.head()).position, "you", _FACE_ROOM_M
    else:
        anchor = yield from context.one(step.anchor)
        if anchor.id in {item.id for item in objects}:
            raise CannotDoError("a thing cannot be moved towards itself")
        target, beside = anchor.position, anchor.size
        name = f"the {anchor.name}" if isinstance(step.anchor, It) else to_you(say_reference(step.anchor))
    length = step.distance_m if step.distance_m is not None else STEP_M
    distances = [-length if step.away else length] * len(objects)
    if not step.away:
        gaps = (point.distance_to(target) - item.size - beside for item, point in zip(objects, points, strict=True))
        distances = [max(0.0, min(length, round(gap, 2))) for gap in gaps]
        length = max(distances)
        if length < NEGLIGIBLE_M:
            raise RefusalError(f"{named(objects)} cannot come closer to {name}")
    calls = [
        Call("along_direction", {**point.arguments("origin_"), **target.arguments("target_"), "distance": distance})
        for point, distance in zip(points, distances, strict=True)
    ]
    outcomes = yield from context.tools.call_all(calls)
    problem = next((outcome.problem for outcome in outcomes if outcome.problem), "")
    if problem:
        raise CannotDoError(problem)
    direction = "away from" if step.away else "closer to"
    return [read_point(outcome) for outcome in outcomes], f"{say_length(length)} {direction} {name}"
