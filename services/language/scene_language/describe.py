"""Commands back into sentences: what "Did you mean …?" says. Each sentence parses to the very command it describes."""

from scene_language.commands import (
    Add,
    AddAnother,
    Again,
    All,
    Anchor,
    Arrange,
    Between,
    BringBack,
    Camera,
    ChangeShape,
    Command,
    Delete,
    Here,
    It,
    Match,
    Me,
    Move,
    NewThing,
    OnFloor,
    Pick,
    Place,
    Query,
    Recolor,
    Reference,
    RelativeTo,
    Resize,
    Rotate,
    Shade,
    Shift,
    Swap,
    Talk,
    The,
    Toward,
    Tower,
    Undo,
)
from scene_language.lexicon import SIZES_M, plural
from scene_language.numbers import say_number

__all__ = ("describe", "describe_all", "say_length", "say_place", "say_reference", "say_thing", "with_article")

_SIDES = ("left", "right")
_RELATION_WORDS = {
    "front": "in front of", "back": "behind", "left": "to the left of", "right": "to the right of", "above": "above",
    "below": "below", "on": "on top of", "next_to": "next to", "inside": "inside",
}  # fmt: skip
_QUERY_WORDS = {
    "see": "what do you see", "scene": "describe the scene", "where": "where is {}", "count": "how many {} are there",
    "color": "what color is {}", "size": "how big is {}", "distance": "how far away is {}", "exists": "do you see {}",
    "near": "what is {}", "me": "where am I", "which": "which {} is", "shape": "what shape is {}",
}  # fmt: skip
# Factors that have words of their own; the others are said as numbers.
_SCALE_WORDS = {
    1.5: "bigger", 0.6667: "smaller", 1.2: "a bit bigger", 0.8333: "a bit smaller", 2.0: "twice as big",
    0.5: "half as big",
}  # fmt: skip
_TALK_WORDS = {
    "hello": "hello", "goodbye": "goodbye", "thanks": "thank you", "how_are_you": "how are you", "help": "help",
    "identity": "who are you", "yes": "yes", "no": "no", "stop": "stop",
    "here_at_all": "are you there", "repeat": "say that again", "colors": "what colors are there",
    "walk": "zoom in", "clock": "what time is it", "joke": "tell me a joke",
}  # fmt: skip


def describe_all(commands: list[Command]) -> str:
    """Return one sentence for several commands: "add a red cube and make it bigger"."""
    return " and ".join(describe(command) for command in commands)


def describe(command: Command) -> str:
    """Return the canonical sentence of a command; `scene_language.parse` gives the same command back."""
    match command:
        case Add(thing, place, is_tower=True):
            return _join("make a tower of", say_thing(thing), _say_optional(place))
        case Add(thing, place):
            return _join("add", say_thing(thing), _say_optional(place))
        case AddAnother(place, It(many=False)):
            return _join("add another one", _say_optional(place))
        case AddAnother(place, of):
            return _join("copy", say_reference(of), _say_optional(place))
        case Move(target, tuple() as ways):
            return _join("move", say_reference(target), " and ".join(_say_way(way) for way in ways))
        case Move(target, RelativeTo() | Between() | Here() | OnFloor() as place):
            return _join("put", say_reference(target), say_place(place))
        case Delete(target):
            return _join("delete", say_reference(target))
        case Undo(again, everything):
            return "redo that" if again else "undo everything" if everything else "undo that"
        case BringBack(everything, what):
            return f"bring {say_reference(what) if what else 'everything' if everything else 'it'} back"
        case Arrange(target, is_tower):
            return f"put {say_reference(target)} {'on top of each other' if is_tower else 'in a row'}"
        case Query():
            return _describe_query(command)
        case Camera(on):
            return f"turn {'on' if on else 'off'} the camera"
        case Talk(kind):
            return _TALK_WORDS[kind]
        case Pick(target):
            return say_reference(target)
        case Again():
            return "do it again"
        case Swap() | Match() | Resize() | Recolor() | Shade() | ChangeShape() | Rotate():
            return _describe_change(command)
        case Move():  # cannot be: its goal is a place or ways, both above
            raise AssertionError(f"unknown goal of a move: {command.to!r}")


def _say_optional(place: Place | None) -> str | None:
    return None if place is None else say_place(place)


def _describe_change(command: Swap | Match | Resize | Recolor | Shade | ChangeShape | Rotate) -> str:
    match command:
        case Swap(It(many=True), It(many=True), "color"):
            return "swap their colors"
        case Swap(It(many=True), It(many=True)):
            return "swap them"
        case Swap(a, b, "color"):
            return f"swap the colors of {say_reference(a)} and {say_reference(b)}"
        case Match(target, like, what):
            return f"make {say_reference(target)} the same {what} as {say_reference(like)}"
        case Swap(a, b):
            return f"swap {say_reference(a)} and {say_reference(b)}"
        case Resize(target, factor) if factor in _SCALE_WORDS:
            return f"make {say_reference(target)} {_SCALE_WORDS[factor]}"
        case Resize(target, float() as factor):
            return f"scale {say_reference(target)} by {say_number(factor)}"
        case Resize(target, _, size_m):
            return f"resize {say_reference(target)} to {say_length(2 * (size_m or 0.0))}"
        case Recolor(target, color):
            return f"make {say_reference(target)} {color}"
        case Shade(target, lighter, strongly):
            how = "lighter" if lighter else "darker"
            return _join("make", say_reference(target), "a lot" if strongly else None, how)
        case ChangeShape(target, shape):
            return f"turn {say_reference(target)} into {with_article(shape)}"
        case Rotate(target, float() as degrees):
            return f"rotate {say_reference(target)} by {say_number(degrees)} degrees"
        case Rotate(target):
            return f"rotate {say_reference(target)}"


def _describe_query(query: Query) -> str:
    words = _QUERY_WORDS[query.kind]
    if query.place is not None:
        return words.format(say_place(query.place))
    if query.kind == "which" and isinstance(query.about, The) and query.about.choice is not None:
        which = _join(query.about.color, query.about.shape or "one")
        choice = query.about.choice
        return f"{words.format(which)} {f'on the {choice}' if choice in _SIDES else f'the {choice}'}"
    if query.kind == "count" and isinstance(query.about, All):
        return words.format(_join(query.about.color, plural(query.about.shape or "object")))
    if query.kind == "exists" and isinstance(query.about, All) and query.about.shape is not None:
        return _join("are there", query.about.color, plural(query.about.shape))
    if query.kind == "exists" and isinstance(query.about, The) and _is_plain(query.about):
        return words.format(with_article(_join(query.about.color, query.about.shape)))
    return words.format(say_reference(query.about)) if query.about is not None else words


def _is_plain(reference: The) -> bool:
    return reference.shape is not None and reference.size is None and reference.choice is None


def say_thing(thing: NewThing) -> str:
    """Return "a small red cube" or "three red cubes"; a size without a word of its own is said as a width."""
    size = next((word for word, size_m in SIZES_M.items() if size_m == thing.size_m), None)
    width = f"{say_length(2 * thing.size_m)} wide" if thing.size_m is not None and size is None else None
    if thing.count > 1:
        return _join(str(thing.count), size, thing.material, thing.color, plural(thing.shape))
    return with_article(_join(size, thing.material, thing.color, thing.shape, width))


def say_reference(reference: Reference) -> str:
    """Return the words for a reference: "it", "the small red cube", "all the cubes", "everything"."""
    match reference:
        case It(many):
            return "them" if many else "it"
        case Tower():
            return "the tower"
        case All(None, None, but):
            return _join("everything", _say_but(but))
        case All(shape, color, but):
            return _join("all the", color, plural(shape or "object"), _say_but(but))
        case The(shape, color, size, choice):
            return _join("the", choice, size, color, shape or "one")


def _say_but(but: It | The | None) -> str | None:
    return None if but is None else f"but {say_reference(but)}"


def say_place(place: Place) -> str:
    """Return the words for a place: "2 meters in front of me", "between it and the cube"."""
    match place:
        case RelativeTo(("left" | "right") as side, Me(), distance_m):
            return _join(_say_distance(distance_m), f"to my {side}")
        case RelativeTo(relation, anchor, distance_m):
            return _join(_say_distance(distance_m), _RELATION_WORDS[relation], _say_anchor(anchor))
        case Between(a, b):
            return f"between {_say_anchor(a)} and {_say_anchor(b)}"
        case Here():
            return "here"
        case OnFloor():
            return "on the floor"


def _say_way(way: Shift | Toward) -> str:
    match way:
        case Shift(("left" | "right") as side, distance_m):
            return _join(_say_distance(distance_m), f"to the {side}")
        case Shift(direction, distance_m):
            return _join(_say_distance(distance_m), direction)
        case Toward(anchor, distance_m, away):
            return _join(_say_distance(distance_m), "away from" if away else "closer to", _say_anchor(anchor))


def _say_anchor(anchor: Anchor) -> str:
    return "me" if isinstance(anchor, Me) else say_reference(anchor)


def _say_distance(distance_m: float | None) -> str | None:
    return None if distance_m is None else say_length(distance_m)


def say_length(length_m: float) -> str:
    """Return a length in meters, or in centimeters when it is below half a meter: "30 centimeters", "half a meter"."""
    if length_m == 0.5:
        return "half a meter"
    if length_m < 0.5:
        centimeters = say_number(length_m * 100)
        return f"{centimeters} centimeter" + ("" if centimeters == "1" else "s")
    meters = say_number(length_m)
    return f"{meters} meter" + ("" if meters == "1" else "s")


def with_article(noun_phrase: str) -> str:
    """Return the phrase with "a" or "an" before it."""
    return ("an " if noun_phrase[:1] in "aeiou" else "a ") + noun_phrase


def _join(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)
