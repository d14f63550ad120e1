"""Which objects of the scene a person means: "it", "the red cube", "the left one", "everything"."""

import math
import re
from collections import Counter
from collections.abc import Sequence

from llm_server.embedded._steps import RefusalError
from llm_server.embedded._words import counted, listed, there_is
from llm_server.embedded._world import Head, Scene, SceneObject
from scene_language.colors import BASIC_COLORS, color_distance, family, rgb_of
from scene_language.commands import All, It, Reference, The, Tower
from scene_language.describe import say_reference
from scene_language.lexicon import PRIMITIVE_OF_SHAPE, SIZES_M, plural

__all__ = ("WHICH", "AmbiguousError", "NoneMatchError", "matching", "mentioned", "resolve")

WHICH = "Which one do you mean"
"""How a question begins that a bare reference ("the red one") answers."""

# A shade that is not a basic colour name must be about the one said: "dark green" is not "light green".
_SAME_SHADE_WITHIN = 0.25
_SAME_COLOR_WITHIN = 0.02
_LARGE_FROM_M = 0.3
# A question that names more things than this is forgotten before it ends.
_MAX_NAMES_ASKED = 4
# So exactly one thing stands on another where they were put on top of each other.
_STANDS_WITHIN_M = 0.02
_OTHER = "other"
_ORDINALS = {"first": 0, "second": 1, "third": 2, "last": -1}


class NoneMatchError(RefusalError):
    """Nothing in the scene fits the description; the message says what there is."""


class AmbiguousError(RefusalError):
    """Several objects fit; the message is the question which one is meant."""


def resolve(reference: Reference, scene: Scene, head: Head | None, focus: Sequence[str]) -> list[SceneObject]:
    """Return the objects that are meant, at least one.

    Args:
        focus: ids of what the talk was about last, for pronouns.

    Raises:
        NoneMatchError: nothing fits.
        AmbiguousError: a singular reference fits several.
    """
    if isinstance(reference, It):
        return _by_pronoun(reference, scene, head, focus)
    if isinstance(reference, Tower):
        return _tower(scene, focus)
    found = matching(reference, scene.objects)
    if isinstance(reference, The) and reference.choice and reference.choice != _OTHER and found:
        return [_chosen(reference, found, head)]
    if not found:
        raise NoneMatchError(_nothing_fits(reference, scene.objects))
    left_out = _left_out(reference, scene, head, focus)
    rest = [item for item in found if item.id not in left_out]
    if not rest and isinstance(reference, The) and len(found) > 1:
        raise AmbiguousError(which_question(found, head))
    found = rest
    if not found:
        raise NoneMatchError(f"there is nothing else; {there_is(scene.objects)}")
    if isinstance(reference, The) and len(found) > 1:
        raise AmbiguousError(which_question(found, head))
    return found


def _left_out(reference: The | All, scene: Scene, head: Head | None, focus: Sequence[str]) -> set[str]:
    """ "The other one" is none of those that the talk was about; "all but the cube" is not the cube."""
    if isinstance(reference, The):
        return set(focus) if reference.choice == _OTHER else set()
    if isinstance(reference.but, It) and focus:
        return set(focus)
    return set() if reference.but is None else {item.id for item in resolve(reference.but, scene, head, focus)}


def _by_pronoun(reference: It, scene: Scene, head: Head | None, focus: Sequence[str]) -> list[SceneObject]:
    found = [item for item in map(scene.get, focus) if item is not None]
    if not scene.objects:
        raise NoneMatchError("the scene is empty")
    if not found:
        raise AmbiguousError(which_question(scene.objects, head) if len(scene.objects) > 1 else _only(scene.objects[0]))
    if len(found) > 1 and not reference.many:
        raise AmbiguousError(which_question(found, head))
    if len(found) == 1 and reference.many and len(scene.objects) > 1:
        # The talk was about one thing, and more are meant: both, where there are two.
        if len(scene.objects) > 2:
            raise NoneMatchError('I am not sure which ones you mean; say "all of them", or name them')
        return scene.objects
    return found


def _tower(scene: Scene, focus: Sequence[str]) -> list[SceneObject]:
    """The only tower, or the one that the talk was about, lowest thing first."""
    towers: list[list[SceneObject]] = []
    for item in sorted(scene.objects, key=lambda each: each.position.y):
        below = next((tower for tower in towers if _stands_on(item, tower[-1])), None)
        if below is None:
            towers.append([item])
        else:
            below.append(item)
    towers = [tower for tower in towers if len(tower) > 1]
    meant = [tower for tower in towers if any(item.id in focus for item in tower)] if len(towers) > 1 else towers
    if len(meant) == 1:
        return meant[0]
    if towers:
        raise NoneMatchError(f"there are {len(towers)} towers; please say what is in the one you mean")
    raise NoneMatchError(f"there is no tower; {there_is(scene.objects) if scene.objects else 'the scene is empty'}")


def _stands_on(upper: SceneObject, lower: SceneObject) -> bool:
    aside_m = math.hypot(upper.position.x - lower.position.x, upper.position.z - lower.position.z)
    gap_m = upper.position.y - upper.size - lower.position.y - lower.size
    return aside_m < _STANDS_WITHIN_M and abs(gap_m) < _STANDS_WITHIN_M


def _only(item: SceneObject) -> str:
    return f"{WHICH}? There is only the {item.name}."


def _names(items: Sequence[SceneObject]) -> str:
    """Return "the red cube or one of the 3 blue spheres"."""
    counts = Counter(item.name for item in items)
    said = [f"the {name}" if count == 1 else f"one of the {counted(count, name)}" for name, count in counts.items()]
    return listed(said, "or")


def matching(reference: The | All, objects: Sequence[SceneObject]) -> list[SceneObject]:
    """Return the objects that fit shape, colour and size of a description, oldest first."""
    found = list(objects)
    if reference.shape is not None:
        found = [item for item in found if item.type == PRIMITIVE_OF_SHAPE[reference.shape]]
    if reference.color is not None:
        found = _of_color(reference.color, found)
    if isinstance(reference, The) and reference.size is not None and found:
        found = _of_size(reference.size, found)
    return found


def _of_color(color: str, objects: Sequence[SceneObject]) -> list[SceneObject]:
    """The exact colour if it is there, else its shades: the lime cube is *the green cube* when it is the only one."""
    said = rgb_of(color)
    exact = [item for item in objects if color_distance(item.color, said) <= _SAME_COLOR_WITHIN]
    if exact:
        return exact
    if color in BASIC_COLORS:
        return [item for item in objects if family(item.color) == color]
    return [item for item in objects if color_distance(item.color, said) <= _SAME_SHADE_WITHIN]


def _of_size(size: str, objects: Sequence[SceneObject]) -> list[SceneObject]:
    """Sizes are said in comparison: "the big one" is the biggest there is."""
    sizes = [item.size for item in objects]
    extreme = max(sizes) if SIZES_M[size] >= _LARGE_FROM_M else min(sizes)
    return [item for item in objects if item.size == extreme]


def _chosen(reference: The, found: Sequence[SceneObject], head: Head | None) -> SceneObject:
    choice = reference.choice
    if choice in _ORDINALS:
        at = _ORDINALS[choice]
        if at >= len(found):
            raise NoneMatchError(f"there is no {choice} one; {there_is(found)}")
        return found[at]
    if choice in {"biggest", "smallest"}:
        return min(found, key=lambda item: -item.size if choice == "biggest" else item.size)
    if choice in {"top", "bottom"}:
        return min(found, key=lambda item: -item.position.y if choice == "top" else item.position.y)
    if head is None:
        raise RefusalError(f"I do not know where your head is, so I cannot tell which is {say_reference(reference)}")
    if choice in {"left", "right"}:
        sign = 1 if choice == "left" else -1
        return min(found, key=lambda item: sign * head.seen(item.position)[0])
    if choice == "middle":
        return _middle(found, head)
    sign = 1 if choice == "nearest" else -1
    return min(found, key=lambda item: sign * head.position.distance_to(item.position))


def _middle(found: Sequence[SceneObject], head: Head) -> SceneObject:
    """Of an odd number, along the way in which they lie apart: aside or upward."""
    if len(found) % 2 == 0:
        raise NoneMatchError(f"of {len(found)} none is in the middle; {there_is(found)}")
    ways = [[head.seen(item.position)[axis] for item in found] for axis in (0, 1)]
    along = max(ways, key=lambda way: max(way) - min(way))
    return sorted(zip(along, range(len(found)), found, strict=True))[len(found) // 2][2]


def which_question(found: Sequence[SceneObject], head: Head | None) -> str:
    """Return the question which of several is meant, naming words that tell them apart."""
    if 1 < len({item.name for item in found}) <= _MAX_NAMES_ASKED:
        return f"{WHICH}: {_names(found)}?"
    how_many = counted(len(found), found[0].noun if len({item.type for item in found}) == 1 else "object")
    if head is not None and len(found) == 2:
        return f"{WHICH}: the left one or the right one? There are {how_many}."
    return f"{WHICH}: the first one, the second one or the last one? There are {how_many}."


def _nothing_fits(reference: The | All, objects: Sequence[SceneObject]) -> str:
    if reference == All():
        return "the scene is empty"
    said = say_reference(reference).removeprefix("all ").removeprefix("the ")
    verb = "are" if isinstance(reference, All) else "is"
    return f"there {verb} no {said}; {there_is(objects) if objects else 'the scene is empty'}"


def mentioned(reply: str, objects: Sequence[SceneObject]) -> list[list[str]]:
    """Return the ids of the objects that a reply speaks of, in the order in which it names them.

    A singular name that fits several objects means the newest of them, a plural one all of them. Bare shapes ("a cube")
    count only where no colour is named.
    """
    for patterns in (_colored_patterns, _bare_patterns):
        groups: dict[int, list[str]] = {}
        for item in objects:
            for pattern, is_plural in patterns(item):
                for hit in re.finditer(pattern, reply.lower()):
                    known = groups.get(hit.start(), []) if is_plural else []
                    groups[hit.start()] = [*known, item.id]
        if groups:
            return [groups[at] for at in sorted(groups)]
    return []


def _colored_patterns(item: SceneObject) -> list[tuple[str, bool]]:
    """ "The blue cube", and what a reply says of a change: "made the red cube blue", "the red cube into a sphere"."""
    color = re.escape(item.name.removesuffix(item.noun).strip())
    one, many = _shape_words(item)
    return [
        (rf"\b{color} ({one})\b", False),
        (rf"\b{color} ({many})\b", True),
        (rf"\b({one}) {color}\b", False),
        (rf"\b({many}) {color}\b", True),
        (rf"\b{color} \w+ into an? ({one})\b", False),
    ]


def _bare_patterns(item: SceneObject) -> list[tuple[str, bool]]:
    one, many = _shape_words(item)
    return [(rf"\b({one})\b", False), (rf"\b({many})\b", True)]


def _shape_words(item: SceneObject) -> tuple[str, str]:
    shapes = [shape for shape, primitive in PRIMITIVE_OF_SHAPE.items() if primitive == item.type] or [item.type]
    return "|".join(shapes), "|".join(map(plural, shapes))
