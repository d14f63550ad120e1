"""From a place in words to a point in the room, by the spatial tools."""

from collections.abc import Sequence

from llm_server.embedded._context import Context
from llm_server.embedded._steps import Call, CannotDoError, Outcome, Plan
from llm_server.embedded._world import Point, SceneObject, point_of
from scene_language.commands import Anchor, Between, Here, Me, OnFloor, Place, RelativeTo

__all__ = ("free_point", "point_at", "read_point", "row")

DEFAULT_AHEAD_M = 1.5
"""How far in front of the user a thing goes when no distance is said."""
# Straight above a head, 1.5 m would be under the ceiling; below it, about the floor.
_DEFAULT_FROM_HEAD_M = {"above": 0.7, "below": 1.2, "next_to": 0.7}
_DEFAULT_FROM_OBJECT_M = 0.3
_GAP_M = 0.1
_ROW_GAP_M = 0.2
_MAX_SIDESTEPS = 20
_USER_DIRECTION = {"next_to": "right", "on": "above"}


def point_at(place: Place, size: float, context: Context, moved: SceneObject | None = None) -> Plan[Point]:
    """Return where a thing of that size goes; ``moved`` is the thing itself if it is in the scene already.

    Raises:
        CannotDoError: a tool failed, or the anchor is not there.
    """
    match place:
        case RelativeTo(_, Me()):
            return (yield from _near_user(place, context))
        case RelativeTo("inside", anchor):
            return (yield from _inside(anchor, context, moved))
        case RelativeTo():
            return (yield from _near_object(place, size, context))
        case Between(a, b):
            first = yield from _anchor_point(a, context)
            second = yield from _anchor_point(b, context)
            arguments = {**first.arguments("a_"), **second.arguments("b_")}
            return read_point((yield from context.tools.need("between_anchors", **arguments)))
        case Here():
            return (yield from _ahead(context))
        case OnFloor():
            above = moved.position if moved is not None else (yield from _ahead(context))
            return Point(above.x, size, above.z)


def read_point(outcome: Outcome) -> Point:
    """Return the point that a tool computed.

    Raises:
        CannotDoError: it answered something else.
    """
    point = point_of(outcome.value)
    if point is None:
        raise CannotDoError(f"the spatial tool gave no position but {outcome.value!r}")
    return point


def _near_user(place: RelativeTo, context: Context) -> Plan[Point]:
    direction = _USER_DIRECTION.get(place.relation, place.relation)
    distance = (
        place.distance_m if place.distance_m is not None else _DEFAULT_FROM_HEAD_M.get(place.relation, DEFAULT_AHEAD_M)
    )
    return read_point((yield from context.tools.need("place_user_relative", direction=direction, distance=distance)))


def _ahead(context: Context) -> Plan[Point]:
    return (yield from _near_user(RelativeTo("front", Me()), context))


def _near_object(place: RelativeTo, size: float, context: Context) -> Plan[Point]:
    assert not isinstance(place.anchor, Me)
    anchor = yield from context.one(place.anchor)
    touching = anchor.size + size
    if place.relation == "on":
        direction, default = "above", touching
    else:
        direction, default = place.relation, max(_DEFAULT_FROM_OBJECT_M, touching + _GAP_M)
    distance = place.distance_m if place.distance_m is not None else round(default, 4)
    return read_point(
        (
            yield from context.tools.need(
                "place_object_relative", **anchor.position.arguments("origin_"), direction=direction, distance=distance
            )
        )
    )


def _inside(anchor: Anchor, context: Context, moved: SceneObject | None) -> Plan[Point]:
    assert not isinstance(anchor, Me)
    container = yield from context.one(anchor)
    if moved is None:
        return container.position
    arguments = container.position.arguments("container_")
    return read_point((yield from context.tools.need("place_inside_by_id", movee_id=moved.id, **arguments)))


def _anchor_point(anchor: Anchor, context: Context) -> Plan[Point]:
    if isinstance(anchor, Me):
        return (yield from context.head()).position
    return (yield from context.one(anchor)).position


def row(middle: Point, count: int, size: float, context: Context) -> Plan[list[Point]]:
    """Return points side by side as the user sees them, ``middle`` in their middle."""
    if count == 1:
        return [middle]
    step = 2 * size + _ROW_GAP_M
    offsets = [round((index - (count - 1) / 2) * step, 4) for index in range(count)]
    calls = [Call("displace_object", {**middle.arguments("current_"), "right": offset}) for offset in offsets]
    outcomes = yield from context.tools.call_all(calls)
    problem = next((outcome.problem for outcome in outcomes if outcome.problem), "")
    if problem:
        raise CannotDoError(problem)
    return [read_point(outcome) for outcome in outcomes]


def free_point(wanted: Point, size: float, context: Context) -> Plan[Point]:
    """Return the point, or one to its right where nothing is in the way: a thing inside another would not be seen."""
    objects = (yield from context.scene()).objects
    blocking = _in_the_way(wanted, size, objects)
    if blocking is None or not context.tools.has("displace_object"):
        return wanted
    # Asked once: a scene full of things must not use up the calls of a turn.
    outcome = yield from context.tools.need("displace_object", **wanted.arguments("current_"), right=1.0)
    aside = read_point(outcome)
    point = wanted
    for _ in range(_MAX_SIDESTEPS):
        if blocking is None:
            break
        step = blocking.size + size + _ROW_GAP_M
        point = Point(
            round(blocking.position.x + step * (aside.x - wanted.x), 4),
            round(blocking.position.y + step * (aside.y - wanted.y), 4),
            round(blocking.position.z + step * (aside.z - wanted.z), 4),
        )
        blocking = _in_the_way(point, size, objects)
    return point


def _in_the_way(point: Point, size: float, objects: Sequence[SceneObject]) -> SceneObject | None:
    return next((item for item in objects if item.position.distance_to(point) < item.size + size), None)
