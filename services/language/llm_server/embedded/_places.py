"""From a place in words to a point in the room, by the spatial tools."""

from collections.abc import Sequence

from llm_server.embedded._context import Context
from llm_server.embedded._steps import Call, CannotDoError, Outcome, Plan
from llm_server.embedded._world import Point, SceneObject, point_of
from scene_language.commands import Anchor, Between, Here, Me, OnFloor, Place, Reference, Relation, RelativeTo, Tower

__all__ = (
    "DEFAULT_AHEAD_M",
    "ROW_GAP_M",
    "free_point",
    "free_points",
    "point_at",
    "points_aside",
    "read_point",
    "row",
    "tower",
)

DEFAULT_AHEAD_M = 1.5
"""How far in front of the user a thing goes when no distance is said."""
# Straight above a head, 1.5 m would be under the ceiling; below it, about the floor.
_DEFAULT_FROM_HEAD_M = {"above": 0.7, "on": 0.3, "below": 1.2, "next_to": 0.7}
_DEFAULT_FROM_OBJECT_M = 0.3
_GAP_M = 0.1
ROW_GAP_M = 0.2
"""Between the sides of two things in a row."""
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
    anchor = yield from _beside(place.anchor, place.relation, context)
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


def _beside(anchor: Reference, relation: Relation, context: Context) -> Plan[SceneObject]:
    """The thing that a place is beside: of a tower the one at that side of it."""
    if not isinstance(anchor, Tower):
        return (yield from context.one(anchor))
    parts = yield from context.objects(anchor)
    return parts[{"on": -1, "above": -1, "below": 0}.get(relation, len(parts) // 2)]


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
    step = 2 * size + ROW_GAP_M
    return (yield from points_aside(middle, [(index - (count - 1) / 2) * step for index in range(count)], context))


def tower(middle: Point, count: int, size: float) -> list[Point]:
    """Return points on top of each other, lowest first, ``middle`` in their middle if the floor lets it."""
    lowest = max(size, middle.y - (count - 1) * size)
    return [Point(middle.x, round(lowest + 2 * size * index, 4), middle.z) for index in range(count)]


def points_aside(middle: Point, offsets: Sequence[float], context: Context) -> Plan[list[Point]]:
    """Return points so many meters to the right of one, as the user sees it.

    Raises:
        CannotDoError: a tool failed.
    """
    calls = [Call("displace_object", {**middle.arguments("current_"), "right": round(offset, 4)}) for offset in offsets]
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
        step = blocking.size + size + ROW_GAP_M
        point = Point(
            round(blocking.position.x + step * (aside.x - wanted.x), 4),
            round(blocking.position.y + step * (aside.y - wanted.y), 4),
            round(blocking.position.z + step * (aside.z - wanted.z), 4),
        )
        blocking = _in_the_way(point, size, objects)
    return point


def free_points(points: list[Point], size: float, context: Context, *, aside: bool) -> Plan[list[Point]]:
    """Return points for a group, moved up (or ``aside``, to the right) together until nothing is in the way."""
    objects = (yield from context.scene()).objects

    def is_free() -> bool:
        return all(_in_the_way(point, size, objects) is None for point in points)

    if is_free() or not context.tools.has("displace_object"):
        return points
    step = 2 * size + ROW_GAP_M
    arguments = {"right" if aside else "up": step, **points[0].arguments("current_")}
    first, beside = points[0], read_point((yield from context.tools.need("displace_object", **arguments)))
    for _ in range(_MAX_SIDESTEPS):
        points = [
            Point(
                round(point.x + beside.x - first.x, 4),
                round(point.y + beside.y - first.y, 4),
                round(point.z + beside.z - first.z, 4),
            )
            for point in points
        ]
        if is_free():
            break
    return points


def _in_the_way(point: Point, size: float, objects: Sequence[SceneObject]) -> SceneObject | None:
    return next((item for item in objects if item.position.distance_to(point) < item.size + size), None)
