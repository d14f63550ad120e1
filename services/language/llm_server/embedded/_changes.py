"""Changing what is there: size, colour, shape, and taking changes back."""

from collections.abc import Mapping, Sequence
from typing import Any

from llm_server.embedded._context import Context
from llm_server.embedded._edits import drawable, said_outcomes, update_all
from llm_server.embedded._steps import Call, CannotDoError, Outcome, Plan, RefusalError
from llm_server.embedded._words import listed, named
from llm_server.embedded._world import SceneObject, point_of
from scene_language.colors import RGB, color_distance, rgb_of
from scene_language.commands import All, BringBack, ChangeShape, Recolor, Resize, Rotate, Shade, The, Undo
from scene_language.describe import say_length, with_article

__all__ = ("bring_back", "change_shape", "recolor", "resize", "rotate", "shade", "undo")

_UNDONE = {
    "added": "took {} away again",
    "removed": "brought {} back",
    "position": "moved {} back",
    "color": "gave {} the old color back",
    "size": "gave {} the old size back",
    "type": "gave {} the old shape back",
}
_REDONE = {
    "added": "put {} back",
    "removed": "deleted {} again",
    "position": "moved {} again",
    "color": "colored {} again",
    "size": "resized {} again",
    "type": "reshaped {} again",
}
# How much white or black "lighter" and "a lot darker" mix in; less than the last is not seen.
_SHADE, _SHADE_STRONGLY, _SHADE_NOT_SEEN = 0.3, 0.6, 0.02
_NOTHING_GONE = "nothing is gone"
_SMALLEST_M, _LARGEST_M = 0.005, 10.0


def resize(command: Resize, context: Context) -> Plan[str]:
    """Scale, or set to a size."""
    objects = yield from context.objects(command.target)
    if command.factor is not None:
        if command.factor <= 0:
            raise CannotDoError("nothing would be left of it")
        calls = [Call("scale_value", {"current": item.size, "factor": command.factor}) for item in objects]
        scaled = yield from context.tools.call_all(calls)
        problem = next((outcome.problem for outcome in scaled if outcome.problem), "")
        if problem:
            raise CannotDoError(problem)
        sizes = [_number(outcome.fields.get("value")) for outcome in scaled]
    else:
        sizes = [command.size_m or 0.0] * len(objects)
    if not all(_SMALLEST_M <= size <= _LARGEST_M for size in sizes):
        raise CannotDoError(f"a width must be between {say_length(2 * _SMALLEST_M)} and {say_length(2 * _LARGEST_M)}")
    outcomes = yield from update_all(objects, [{"size": size} for size in sizes], context)
    scene = yield from context.scene()
    for item, size, outcome in zip(objects, sizes, outcomes, strict=True):
        if not outcome.problem:
            scene.change(item.id, size=size)
    width = f" {say_length(2 * sizes[0])} wide" if len(set(sizes)) == 1 else ""
    how = width.strip() or ("bigger" if (command.factor or 1) > 1 else "smaller")
    return said_outcomes("made", objects, outcomes, how)


def _number(value: Any) -> float:
    if not isinstance(value, int | float):
        raise CannotDoError(f"the tool for sizes gave no number but {value!r}")
    return float(value)


def recolor(command: Recolor, context: Context) -> Plan[str]:
    """Give things another colour."""
    objects = yield from context.objects(command.target)
    return (yield from _give_colors(objects, [rgb_of(command.color)] * len(objects), command.color, context))


def shade(command: Shade, context: Context) -> Plan[str]:
    """Mix some white or black into colours."""
    objects = yield from context.objects(command.target)
    end = 1.0 if command.lighter else 0.0
    share = _SHADE_STRONGLY if command.strongly else _SHADE
    colors = [_mixed(item.color, end, share) for item in objects]
    word = "lighter" if command.lighter else "darker"
    if all(color_distance(color, item.color) < _SHADE_NOT_SEEN for color, item in zip(colors, objects, strict=True)):
        verb = "it is" if len(objects) == 1 else "they are"
        raise RefusalError(f"{named(objects)} cannot become {word}: {verb} {'white' if command.lighter else 'black'}")
    return (yield from _give_colors(objects, colors, word, context))


def _mixed(color: RGB, end: float, share: float) -> RGB:
    r, g, b = (part + (end - part) * share for part in color)
    return r, g, b


def _give_colors(objects: Sequence[SceneObject], colors: Sequence[RGB], how: str, context: Context) -> Plan[str]:
    changes = [{key: round(part, 4) for key, part in zip("rgb", color, strict=True)} for color in colors]
    outcomes = yield from update_all(objects, changes, context)
    scene = yield from context.scene()
    reply = said_outcomes("made", objects, outcomes, how)
    for item, color, outcome in zip(objects, colors, outcomes, strict=True):
        if not outcome.problem:
            scene.change(item.id, color=color)
    return reply


def change_shape(command: ChangeShape, context: Context) -> Plan[str]:
    """Make a cube a sphere; the renderer may give it a new id."""
    primitive = drawable(command.shape, context)
    objects = yield from context.objects(command.target)
    outcomes = yield from update_all(objects, [{"prim_type": primitive}] * len(objects), context)
    scene = yield from context.scene()
    reply = said_outcomes("turned", objects, outcomes, f"into {with_article(command.shape)}")
    context.focus = []
    for item, outcome in zip(objects, outcomes, strict=True):
        if not outcome.problem:
            new_id = str(outcome.fields.get("new_id") or item.id)
            scene.remove(item.id)
            scene.put(type(item)(new_id, primitive, item.position, item.color, item.size))
            context.focus.append(new_id)
    return reply


def rotate(command: Rotate, context: Context) -> Plan[str]:
    """Say that nothing can be turned: the scene has no orientations."""
    objects = yield from context.objects(command.target)
    raise RefusalError(f"I cannot turn {named(objects)}: objects have no orientation in this scene yet")


def undo(command: Undo, context: Context) -> Plan[str]:
    """Take the last change or all back: by the tool for it, else by the last move that is remembered."""
    tool = "redo" if command.again else "undo"
    if context.tools.has(tool):
        outcome = yield from context.tools.call(tool, **({"all": True} if command.everything else {}))
        if outcome.problem:
            raise RefusalError(outcome.problem)
        return _say_steps(outcome) or (_say_redone(outcome) if command.again else _say_undone(outcome))
    if command.again:
        raise RefusalError("I cannot repeat what was taken back")
    if command.everything:
        raise RefusalError('I can only take back the last move: say "undo"')
    if not context.turn.recent_moves:
        raise RefusalError("there is nothing to undo that I remember")
    return (yield from _restore(context.turn.recent_moves[-1], context))


def bring_back(command: BringBack, context: Context) -> Plan[str]:
    """Let what was deleted be there again, and change nothing else.

    Raises:
        RefusalError: nothing is gone, or nothing that fits the description.
    """
    if not context.tools.has("bring_back"):
        if command.what is not None:
            raise RefusalError('I can only take back the last change: say "undo"')
        return (yield from undo(Undo(), context))
    outcome = yield from context.tools.call("bring_back", **_wanted_back(command, context))
    if outcome.problem == _NOTHING_GONE:
        what = "" if command.what is None else "like that "
        raise RefusalError(f'nothing {what}is gone; say "undo" to take the last change back')
    if outcome.problem:
        raise RefusalError(outcome.problem)
    back = outcome.fields.get("brought_back")
    if not isinstance(back, list):
        return _say_steps(outcome) or _say_redone(outcome)
    items = [item for fields in back if isinstance(fields, Mapping) and (item := SceneObject.of(fields))]
    return f"I brought {named(items)} back"


def _wanted_back(command: BringBack, context: Context) -> dict[str, Any]:
    what = command.what
    wanted: dict[str, Any] = {"all": True} if command.everything or isinstance(what, All) else {}
    if what is None:
        return wanted
    if isinstance(what, The) and (what.choice or what.size):
        raise RefusalError('what is gone I know by its shape and color only, as in "bring the red cube back"')
    if what.shape is not None:
        wanted["prim_type"] = drawable(what.shape, context)
    if what.color is not None:
        wanted.update(zip("rgb", rgb_of(what.color), strict=True))
    return wanted


def _say_steps(outcome: Outcome) -> str:
    """Say how many changes were taken back or made again; empty where it was one."""
    steps = outcome.fields.get("steps")
    if not isinstance(steps, int) or steps < 2:
        return ""
    if "redone" in outcome.fields:
        return f"I made all {steps} changes again"
    if outcome.fields.get("is_complete"):
        return f"I took back all {steps} changes"
    return f"I took back the last {steps} changes, all that I remember"


def _say_undone(outcome: Outcome) -> str:
    """Say what is as before; what the tool tells otherwise is repeated."""
    steps = outcome.fields.get("undone")
    groups = _by_kind(steps)
    if not groups:
        return "I took the last change back" + (
            f": {', '.join(map(str, steps))}" if isinstance(steps, list) and steps else ""
        )
    said = [_UNDONE.get(kind, "put {} back as it was").format(named(items)) for kind, items in groups.items()]
    return f"I {listed(said)}"


def _say_redone(outcome: Outcome) -> str:
    groups = _by_kind(outcome.fields.get("redone"))
    if not groups:
        return "I did it again"
    said = [_REDONE.get(kind, "changed {} again").format(named(items)) for kind, items in groups.items()]
    return f"I {listed(said)}"


def _by_kind(steps: Any) -> dict[str, list[SceneObject]]:
    """The objects of the steps that a tool tells, by what changed; empty when it tells something else."""
    groups: dict[str, list[SceneObject]] = {}
    for step in steps if isinstance(steps, list) else []:
        fields = step if isinstance(step, Mapping) else {}
        item = SceneObject.of(fields.get("object") or {})
        if item is None:
            return {}
        groups.setdefault("+".join(map(str, fields.get("changed") or ())), []).append(item)
    return groups


def _restore(last: Mapping[str, Any], context: Context) -> Plan[str]:
    scene = yield from context.scene()
    item = scene.get(str(last.get("id")))
    if item is None:
        raise CannotDoError("what was moved last is not in the scene any more")
    before = _restorable(last.get("before"))
    if not before:
        raise CannotDoError("I do not remember how it was before")
    outcomes = yield from update_all([item], [before], context)
    return said_outcomes("put", [item], outcomes, "back where it was")


def _restorable(before: Any) -> dict[str, float]:
    """Read the state before a move: a bare position, or an object's state."""
    state = before if isinstance(before, Mapping) else {}
    position = point_of(state.get("position")) or point_of(before)
    return dict(position.arguments()) if position is not None else {}
