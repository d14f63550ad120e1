"""Questions: answered from the scene, the head's pose and, for the real world, the camera."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llm_server.embedded._context import Context
from llm_server.embedded._references import matching
from llm_server.embedded._steps import Outcome, Plan
from llm_server.embedded._which import which
from llm_server.embedded._words import counted, listed, named_new, say_briefly, sentence, there_is, to_you
from llm_server.embedded._world import NEGLIGIBLE_M, Head, Point, SceneObject
from scene_language.colors import name_of
from scene_language.commands import All, Me, Query, Reference, RelativeTo, The, Tower
from scene_language.describe import say_length, say_place, with_article
from scene_language.numbers import say_number

__all__ = ("answer",)

_LOOK = "look_at_current_frame"
_CAMERA_OFF = "camera_off"
_ANSWER_FIELDS = ("answer", "text", "description", "result", "content")
_NEAR_M = 0.6
# More places than this in one answer are forgotten before it ends.
_MAX_PLACES_SAID = 3


def answer(query: Query, context: Context) -> Plan[str]:
    """Answer a question in one or two sentences."""
    if query.kind == "see":
        return (yield from _see(context))
    if query.kind == "scene":
        return _said_scene((yield from context.scene()).objects)
    if query.kind == "me":
        return _say_head((yield from context.head()))
    if query.kind == "near":
        return (yield from _near(query, context))
    assert query.about is not None
    if query.kind == "which" and isinstance(query.about, The):
        return (yield from which(query.about, context))
    if query.kind in {"count", "exists"} and isinstance(query.about, The | All):
        return (yield from _how_many(query, query.about, context))
    return (yield from _about(query, query.about, context))


@dataclass(frozen=True)
class _Look:
    """What the camera showed, or else why there is no picture: a clause to which "so …" can be added."""

    seen: str = ""
    blind: str = ""
    hint: str = ""


def _see(context: Context) -> Plan[str]:
    look = yield from _look(context)
    objects = (yield from context.scene()).objects
    if look.seen:
        return f"{look.seen} {_said_scene(objects)}"
    if not objects:
        return _joined(sentence(f"{look.blind}, and the scene is empty"), look.hint)
    head = yield from context.head_if_known()
    return _joined(sentence(f"{look.blind}, so I only see the scene: {_said_views(objects, head)}"), look.hint)


def _look(context: Context) -> Plan[_Look]:
    if not context.tools.has(_LOOK):
        return _Look(blind="I have no camera to look through")
    outcome = yield from context.tools.call(_LOOK, question=context.turn.request)
    if not outcome.problem:
        return _Look(seen=sentence(_said(outcome)))
    if outcome.fields.get("reason") == _CAMERA_OFF:
        return _Look(blind="your camera is off", hint="Allow it and ask again, then I look around.")
    return _Look(blind=f"I cannot look through your camera ({outcome.problem})")


def _said(outcome: Outcome) -> str:
    value: Any = outcome.value
    if isinstance(value, Mapping):
        value = next((value[key] for key in _ANSWER_FIELDS if value.get(key)), None)
    return value if isinstance(value, str) else "the camera's picture was looked at, but nothing was said about it"


def _joined(*sentences: str) -> str:
    return " ".join(each for each in sentences if each)


def _said_scene(objects: Sequence[SceneObject]) -> str:
    return sentence(f"in the scene {there_is(objects)}") if objects else "The scene is empty."


def _said_views(objects: Sequence[SceneObject], head: Head | None) -> str:
    """Each object with its place as the user sees it; only names when there are many or nobody knows the head."""
    if head is None or len(objects) > _MAX_PLACES_SAID:
        return named_new(objects)
    return listed([f"{with_article(item.name)} {say_briefly(head, item.position)}" for item in objects])


def _how_many(query: Query, about: The | All, context: Context) -> Plan[str]:
    objects = (yield from context.scene()).objects
    found = matching(about, objects)
    noun = " ".join(part for part in (about.color, about.shape or "object") if part)
    if query.kind == "count":
        how_many = counted(len(found), noun) if found else f"no {counted(0, noun).removeprefix('0 ')}"
        return sentence(f"there {'is' if len(found) == 1 else 'are'} {how_many}")
    if found:
        return sentence(f"yes, {there_is(found)}")
    return sentence(f"no, there is no {noun}; {there_is(objects) if objects else 'the scene is empty'}")


def _about(query: Query, about: Reference, context: Context) -> Plan[str]:
    objects = yield from context.objects(about)
    if query.kind in {"where", "distance"}:
        head = yield from context.head_if_known()
        if len(objects) > _MAX_PLACES_SAID and head is not None:
            return _said_nearest(objects, head)
        return " ".join(_say_where(item, head, query.kind) for item in objects)
    if query.kind == "exists":
        return sentence(f"yes, {there_is(objects)}")
    if query.kind == "size" and isinstance(about, Tower):
        return sentence(f"the tower of {len(objects)} is {say_length(round(2 * sum(i.size for i in objects), 3))} tall")
    return " ".join(sentence(_property(item, query.kind)) for item in objects)


def _said_nearest(objects: Sequence[SceneObject], head: Head) -> str:
    nearest = min(objects, key=lambda item: head.position.distance_to(item.position))
    where = _say_seen(head, nearest.position)
    return sentence(f"{there_is(objects)}; the nearest one is {where}")


def _property(item: SceneObject, kind: str) -> str:
    if kind == "shape":
        return f"it is {with_article(item.name)}"
    if kind == "color":
        return f"the {item.noun} is {name_of(item.color)}"
    return f"the {item.name} is {say_length(2 * item.size)} wide"


def _say_where(item: SceneObject, head: Head | None, kind: str) -> str:
    if head is None:
        at = item.position
        place = f"at x {say_number(at.x)}, y {say_number(at.y)}, z {say_number(at.z)}"
        return sentence(f"the {item.name} is {place}; I do not know where you are")
    if kind == "distance":
        distance = round(head.position.distance_to(item.position), 2)
        return sentence(f"the {item.name} is {say_length(distance)} away from you")
    return sentence(f"the {item.name} is {_say_seen(head, item.position)}")


def _say_seen(head: Head, point: Point) -> str:
    right, up, ahead = (round(part, 1) for part in head.seen(point))
    parts = [
        (ahead, "in front of you", "behind you"),
        (right, "to the right", "to the left"),
        (up, "above your eyes", "below your eyes"),
    ]
    said = [
        f"{say_length(abs(part))} {more if part > 0 else less}"
        for part, more, less in parts
        if abs(part) >= NEGLIGIBLE_M
    ]
    return listed(said) if said else "where you are"


def _say_head(head: Head) -> str:
    at = head.position
    return sentence(
        f"your head is {say_length(round(at.y, 2))} above the floor, "
        f"at x {say_number(round(at.x, 2))} and z {say_number(round(at.z, 2))} meters in the room"
    )


def _near(query: Query, context: Context) -> Plan[str]:
    """What is in front of me, on top of the cube, …"""
    place = query.place
    if not isinstance(place, RelativeTo):
        return _said_scene((yield from context.scene()).objects)
    scene = yield from context.scene()
    head = yield from context.head()
    if isinstance(place.anchor, Me):
        found = [item for item in scene.objects if _lies(place.relation, head.seen(item.position))]
    else:
        anchor = yield from context.one(place.anchor)
        found = [
            item
            for item in scene.objects
            if item.id != anchor.id
            and _lies(place.relation, _from_anchor(head, anchor, item), anchor.size + item.size + _NEAR_M)
        ]
    where = to_you(say_place(RelativeTo(place.relation, place.anchor)))
    said = sentence(f"{where} {there_is(found)}" if found else f"there is nothing {where} in the scene")
    if place.relation == "front" and isinstance(place.anchor, Me) and context.tools.has(_LOOK):
        look = yield from _look(context)
        return _joined(look.seen, said) if look.seen else _joined(said, sentence(f"{look.blind}, so I see no more"))
    return said


def _from_anchor(head: Head, anchor: SceneObject, item: SceneObject) -> tuple[float, float, float]:
    """An object as seen from an anchor: right, up, and away from the user."""
    right, up, ahead = head.seen(item.position)
    anchor_right, anchor_up, anchor_ahead = head.seen(anchor.position)
    # The front of a thing is the side towards the user.
    return right - anchor_right, up - anchor_up, anchor_ahead - ahead


def _lies(relation: str, offset: tuple[float, float, float], within_m: float | None = None) -> bool:
    """Whether an offset (right, up, front) lies mostly in a direction."""
    right, up, front = offset
    amounts = {"front": front, "back": -front, "left": -right, "right": right, "above": up, "on": up, "below": -up}
    distance = max(abs(right), abs(up), abs(front))
    if within_m is not None and distance > within_m:
        return False
    if relation not in amounts:  # next to, inside: any side
        return True
    return amounts[relation] > 0 and amounts[relation] >= 0.7 * distance
