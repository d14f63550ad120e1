"""Several things in order: side by side before the user, or on top of each other."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from llm_server.embedded._context import Context
from llm_server.embedded._edits import said_outcomes, update_all
from llm_server.embedded._places import DEFAULT_AHEAD_M, ROW_GAP_M, points_aside, read_point
from llm_server.embedded._steps import Plan, RefusalError
from llm_server.embedded._words import there_is
from llm_server.embedded._world import Point, SceneObject
from scene_language.commands import Arrange, Reference

__all__ = ("arrange",)


def arrange(command: Arrange, context: Context) -> Plan[str]:
    """Move things into a row in front of the user, or into a tower where the biggest of them is."""
    objects = yield from _several(command.target, context)
    if command.is_tower:
        objects = sorted(objects, key=lambda item: -item.size)
        points, how = _on_top(objects), "on top of each other"
    else:
        head = yield from context.head()
        objects = sorted(objects, key=lambda item: head.seen(item.position)[0])
        points, how = (yield from _side_by_side(objects, context)), "in a row in front of you"
    outcomes = yield from update_all(objects, [point.arguments() for point in points], context)
    scene = yield from context.scene()
    for item, point, outcome in zip(objects, points, outcomes, strict=True):
        if not outcome.problem:
            scene.change(item.id, position=point)
    return said_outcomes("put", objects, outcomes, how)


def _several(target: Reference, context: Context) -> Plan[list[SceneObject]]:
    """What is meant, two things at least; "them" are all there are where the talk was about one."""
    scene = yield from context.scene()
    if len(scene.objects) > 1:
        found = yield from context.objects_or_all(target)
        if len(found) > 1:
            return found
    there = there_is(scene.objects) if scene.objects else "the scene is empty"
    raise RefusalError(f"I need two things at least for that; {there}")


def _on_top(objects: Sequence[SceneObject]) -> list[Point]:
    base = objects[0].position
    heights = accumulate((below.size + above.size for below, above in pairwise(objects)), initial=base.y)
    return [Point(base.x, round(height, 4), base.z) for height in heights]


def _side_by_side(objects: Sequence[SceneObject], context: Context) -> Plan[list[Point]]:
    steps = [left.size + right.size + ROW_GAP_M for left, right in pairwise(objects)]
    width = sum(steps)
    # From as far away as it is wide, the whole row is seen.
    distance = round(max(DEFAULT_AHEAD_M, width), 4)
    middle = read_point((yield from context.tools.need("place_user_relative", direction="front", distance=distance)))
    return (yield from points_aside(middle, list(accumulate(steps, initial=-width / 2)), context))
