"""Phrases that replies are made of."""

import re
from collections import Counter
from collections.abc import Sequence

from llm_server.embedded._world import NEGLIGIBLE_M, Head, Point, SceneObject
from scene_language.describe import say_length, with_article
from scene_language.lexicon import plural

__all__ = ("counted", "listed", "named", "named_new", "say_briefly", "sentence", "there_is", "to_you")

_TO_YOU = (
    (re.compile(r"\bme\b"), "you"),
    (re.compile(r"\bmy\b"), "your"),
    (re.compile(r"\bI am\b"), "you are"),
    (re.compile(r"\bI\b"), "you"),
)


def to_you(words: str) -> str:
    """Turn the user's words into the assistant's: "in front of me" → "in front of you"."""
    for pattern, replacement in _TO_YOU:
        words = pattern.sub(replacement, words)
    return words


def listed(parts: Sequence[str], joint: str = "and") -> str:
    """Join phrases: "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {joint} {parts[-1]}"


def counted(count: int, noun: str) -> str:
    """Return "1 cube" or "3 cubes"; of a noun phrase the last word is made plural."""
    *adjectives, last = noun.split()
    return " ".join([str(count), *adjectives, last if count == 1 else plural(last)])


def there_is(objects: Sequence[SceneObject]) -> str:
    """Return "there is a red cube and a blue sphere", equal ones counted."""
    is_one = sum(item.name == objects[0].name for item in objects) == 1
    return f"there {'is' if is_one else 'are'} {named_new(objects)}"


def named(objects: Sequence[SceneObject]) -> str:
    """Return "the red cube", "the red cube and the blue sphere", or "3 objects"."""
    if len(objects) > 3 or len({item.name for item in objects}) < len(objects):
        for names in ({item.name for item in objects}, {item.noun for item in objects}, {"object"}):
            if len(names) == 1:
                return counted(len(objects), names.pop())
    return listed([f"the {item.name}" for item in objects])


def named_new(objects: Sequence[SceneObject]) -> str:
    """Return "a red cube and 2 blue spheres"."""
    counts = Counter(item.name for item in objects)
    return listed([with_article(name) if count == 1 else counted(count, name) for name, count in counts.items()])


def say_briefly(head: Head, point: Point) -> str:
    """Return a place by its distance and the side on which it mostly lies: "2 meters ahead"."""
    right, up, ahead = head.seen(point)
    ways = ((ahead, "ahead", "behind you"), (right, "to your right", "to your left"), (up, "above you", "below you"))
    amount, more, less = max(ways, key=lambda way: abs(way[0]))
    distance = round(head.position.distance_to(point), 1)
    return f"{say_length(distance)} {more if amount > 0 else less}" if distance >= NEGLIGIBLE_M else "where you are"


def sentence(words: str) -> str:
    """Begin with a capital and end with a full stop, unless it ends with a mark already."""
    words = words.strip()
    if not words:
        return words
    return words[0].upper() + words[1:] + ("" if words[-1] in ".?!" else ".")
