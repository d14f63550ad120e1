"""What a sentence can ask for, as values: the result of parsing and the input of whoever carries it out."""

from dataclasses import dataclass
from typing import Literal

__all__ = (
    "Add", "AddAnother", "Again", "All", "Anchor", "Arrange", "Between", "BringBack", "Camera",
    "ChangeShape", "Choice", "Command", "Delete", "Direction", "Edit", "Here", "It", "Match", "Me", "Move", "NewThing",
    "OnFloor", "Pick", "Place", "Quality",
    "Query", "QueryKind", "Recolor", "Reference", "Relation", "RelativeTo", "Resize", "Rotate", "Shade", "Shift",
    "Side", "Swap", "Talk", "TalkKind", "The", "Toward", "Tower", "Undo", "is_edit",
)  # fmt: skip

Side = Literal["left", "right"]
Relation = Literal["front", "back", "left", "right", "above", "below", "on", "next_to", "inside"]
Direction = Literal["up", "down", "left", "right", "forward", "back"]
Quality = Literal["place", "size", "color"]
Choice = Literal[
    "left", "right", "nearest", "farthest", "biggest", "smallest", "first", "second", "third", "last", "other",
    "top", "bottom", "middle",
]  # fmt: skip


# --- which objects --------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class It:
    """A pronoun: what the talk was about last."""

    many: bool = False


@dataclass(frozen=True)
class The:
    """One object, described: "the small red cube on the left". Fields that were not said are None."""

    shape: str | None = None
    color: str | None = None
    size: str | None = None
    choice: Choice | None = None


@dataclass(frozen=True)
class All:
    """Every object that fits the description; of nothing else, everything. ``but`` is left out."""

    shape: str | None = None
    color: str | None = None
    but: It | The | None = None


@dataclass(frozen=True)
class Tower:
    """Things that stand on top of each other."""


Reference = It | The | All | Tower


@dataclass(frozen=True)
class Me:
    """The speaker's head."""


Anchor = Me | It | The | All | Tower


# --- where ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class RelativeTo:
    """On one side of an anchor; ``distance_m`` None leaves the distance to whoever places it."""

    relation: Relation
    anchor: Anchor
    distance_m: float | None = None


@dataclass(frozen=True)
class Between:
    """Halfway between two anchors."""

    a: Anchor
    b: Anchor


@dataclass(frozen=True)
class Here:
    """Where the speaker looks."""


@dataclass(frozen=True)
class OnFloor:
    """Straight below where it would be otherwise, resting on the floor."""


Place = RelativeTo | Between | Here | OnFloor


@dataclass(frozen=True)
class Shift:
    """A move by direction; ``distance_m`` None is the default step."""

    direction: Direction
    distance_m: float | None = None


@dataclass(frozen=True)
class Toward:
    """A move towards an anchor or, with ``away``, from it."""

    anchor: Anchor
    distance_m: float | None = None
    away: bool = False


# --- what to do -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class NewThing:
    """A thing to be made. ``size_m`` is half its width, as the renderer counts it."""

    shape: str
    color: str | None = None
    size_m: float | None = None
    material: str | None = None
    count: int = 1


@dataclass(frozen=True)
class Add:
    """Put a new thing into the scene; ``place`` None is in front of the speaker."""

    thing: NewThing
    place: Place | None = None
    is_tower: bool = False
    """Several go on top of each other instead of side by side."""


@dataclass(frozen=True)
class AddAnother:
    """One more of something, of what the talk was about by default."""

    place: Place | None = None
    of: Reference = It()


@dataclass(frozen=True)
class Move:
    """Bring something somewhere: to a place, or along some ways, one after the other."""

    target: Reference
    to: Place | tuple[Shift | Toward, ...]


@dataclass(frozen=True)
class Arrange:
    """Put things that are there side by side, or on top of each other."""

    target: Reference
    is_tower: bool = False


@dataclass(frozen=True)
class Swap:
    """Exchange the places of two things, or their colours."""

    a: Reference
    b: Reference
    what: Quality = "place"


@dataclass(frozen=True)
class Match:
    """Make something as big as another thing, or give it the same colour."""

    target: Reference
    like: Reference
    what: Quality


@dataclass(frozen=True)
class Resize:
    """Scale by ``factor``, or set to ``size_m`` (half the width); exactly one of them is given."""

    target: Reference
    factor: float | None = None
    size_m: float | None = None


@dataclass(frozen=True)
class Recolor:
    """Give something another colour."""

    target: Reference
    color: str


@dataclass(frozen=True)
class Shade:
    """Give something a lighter or darker shade of its colour."""

    target: Reference
    lighter: bool
    strongly: bool = False


@dataclass(frozen=True)
class ChangeShape:
    """Make a cube a sphere."""

    target: Reference
    shape: str


@dataclass(frozen=True)
class Rotate:
    """Turn something; ``degrees`` None when not said."""

    target: Reference
    degrees: float | None = None


@dataclass(frozen=True)
class Delete:
    """Take something out of the scene."""

    target: Reference


@dataclass(frozen=True)
class Undo:
    """Take back the last change or ``everything``, or with ``again`` repeat what was taken back."""

    again: bool = False
    everything: bool = False


@dataclass(frozen=True)
class BringBack:
    """Let what was deleted be there again: the last thing, ``what`` fits a description, or ``everything``."""

    everything: bool = False
    what: The | All | None = None


QueryKind = Literal[
    "see", "scene", "where", "count", "color", "size", "distance", "shape", "exists", "which", "near", "me"
]


@dataclass(frozen=True)
class Query:
    """A question that changes nothing; ``about`` names objects, ``place`` a place ("what is in front of me")."""

    kind: QueryKind
    about: Reference | None = None
    place: Place | None = None


TalkKind = Literal[
    "hello",
    "goodbye",
    "thanks",
    "how_are_you",
    "help",
    "identity",
    "yes",
    "no",
    "stop",
    "here_at_all",
    "repeat",
    "colors",
    "walk",
    "clock",
    "joke",
]


@dataclass(frozen=True)
class Talk:
    """Conversation: greetings, thanks, help, yes and no."""

    kind: TalkKind


@dataclass(frozen=True)
class Pick:
    """A bare answer to "which one?"."""

    target: The


@dataclass(frozen=True)
class Camera:
    """Let the program see, or no longer: the speaker's camera on or off."""

    on: bool


@dataclass(frozen=True)
class Again:
    """The last request once more."""


Edit = (
    Add | AddAnother | Move | Arrange | Swap | Match | Resize | Recolor | Shade | ChangeShape | Rotate | Delete | Undo
    | BringBack
)  # fmt: skip
Command = Edit | Query | Camera | Talk | Pick | Again


def is_edit(command: Command) -> bool:
    """Whether carrying the command out would change the scene."""
    return isinstance(command, Edit)
