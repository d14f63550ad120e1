"""Questions for one of several: which is the biggest, the nearest, the one on the left, the newest."""

from collections.abc import Sequence
from dataclasses import replace

from llm_server.embedded._context import Context
from llm_server.embedded._references import matching
from llm_server.embedded._steps import Plan
from llm_server.embedded._words import counted, listed, say_briefly, sentence
from llm_server.embedded._world import Head, SceneObject
from scene_language.commands import The
from scene_language.describe import say_length

__all__ = ("which",)

_SIZES = ("biggest", "smallest")
_DISTANCES = ("nearest", "farthest")
_WORDS = {"left": "the one on the left", "right": "the one on the right", "last": "the newest"}
_WORDS |= {choice: f"the {choice} one" for choice in ("top", "bottom", "middle")}
# Sizes and distances that are said alike are alike to the person who asks.
_SAME_WITHIN_M = 0.005


def which(about: The, context: Context) -> Plan[str]:
    """Name the object that a superlative means; several where they share it."""
    scene = yield from context.scene()
    found = matching(replace(about, choice=None), scene.objects)
    if not found and about.shape is None and about.color is None:
        return "The scene is empty."
    chosen = yield from context.one(about)
    head = yield from context.head_if_known()
    if len(found) == 1:
        return sentence(f"there is only one: {_named(chosen, scene.objects, head)}")
    equal = [item for item in found if _is_equal(item, chosen, about, head)]
    if len(equal) > 1:
        return _said_equal(equal, found, about)
    word = _WORDS.get(str(about.choice), f"the {about.choice}")
    return sentence(f"{word} is {_named(chosen, scene.objects, head)}{_measure(chosen, about, head)}")


def _is_equal(item: SceneObject, chosen: SceneObject, about: The, head: Head | None) -> bool:
    if about.choice in _SIZES:
        return abs(item.size - chosen.size) < _SAME_WITHIN_M
    if about.choice in _DISTANCES and head is not None:
        difference = head.position.distance_to(item.position) - head.position.distance_to(chosen.position)
        return abs(difference) < _SAME_WITHIN_M
    return item is chosen


def _said_equal(equal: Sequence[SceneObject], found: Sequence[SceneObject], about: The) -> str:
    how = f"{say_length(round(2 * equal[0].size, 3))} wide" if about.choice in _SIZES else "equally far away"
    if len(equal) == len(found):
        return sentence(f"they are all {how}" if len(found) > 2 else f"both are {how}")
    names = [f"the {item.name}" for item in equal]
    said = listed(names) if len(set(names)) == len(names) else counted(len(equal), "object")
    return sentence(f"{said} are the {about.choice}: {how}")


def _measure(chosen: SceneObject, about: The, head: Head | None) -> str:
    if about.choice in _SIZES:
        return f": {say_length(round(2 * chosen.size, 3))} wide"
    if about.choice in _DISTANCES and head is not None:
        return f": {say_length(round(head.position.distance_to(chosen.position), 1))} away"
    return ""


def _named(item: SceneObject, objects: Sequence[SceneObject], head: Head | None) -> str:
    """With its place where its name alone could mean another."""
    is_unique = sum(other.name == item.name for other in objects) == 1
    return f"the {item.name}" if is_unique or head is None else f"the {item.name} {say_briefly(head, item.position)}"
