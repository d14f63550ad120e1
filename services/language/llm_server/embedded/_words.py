"""Phrases that replies are made of."""

import re
from collections.abc import Sequence

from llm_server.embedded._world import SceneObject
from scene_language.describe import with_article
from scene_language.lexicon import plural

__all__ = ("counted", "listed", "sentence", "there_is", "to_you")

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
    names = [item.name for item in objects]
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    phrases = [with_article(name) if count == 1 else counted(count, name) for name, count in counts.items()]
    return f"there {'is' if names and counts[names[0]] == 1 else 'are'} {listed(phrases)}"


def sentence(words: str) -> str:
    """Begin with a capital and end with a full stop, unless it ends with a mark already."""
    words = words.strip()
    if not words:
        return words
    return words[0].upper() + words[1:] + ("" if words[-1] in ".?!" else ".")
