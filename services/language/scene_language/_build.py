"""From a parse tree to commands: one method for each alternative of grammar.lark."""

from typing import Any

from lark import Token, Transformer, v_args

from scene_language.commands import (
    Add,
    AddAnother,
    All,
    Anchor,
    Between,
    ChangeShape,
    Choice,
    Command,
    Delete,
    Direction,
    Here,
    It,
    Me,
    Move,
    NewThing,
    OnFloor,
    Pick,
    Place,
    Query,
    Recolor,
    Reference,
    Relation,
    RelativeTo,
    Resize,
    Rotate,
    Shift,
    Side,
    Swap,
    Talk,
    TalkKind,
    The,
    Toward,
    Undo,
)
from scene_language.lexicon import (
    CHOICES,
    DIRECTIONS,
    FACTOR_BIGGER,
    FACTOR_OF_DEGREE,
    FACTOR_OF_VERB,
    PLURALS,
    RELATIONS,
    SIZES_M,
    STEP_A_BIT_M,
    UNITS_M,
)

__all__ = ("CommandBuilder",)

# A tenth of a millimetre: what `describe` says with four decimals must come back as the same number.
_PRECISION = 4


def _round(value: float) -> float:
    return round(value, _PRECISION)


@v_args(inline=True)
class CommandBuilder(Transformer[Token, Any]):
    """Turns the tree of one sentence into its list of commands."""

    def start(self, *clauses: Command | tuple[Command, ...]) -> list[Command]:
        return [command for clause in clauses for command in (clause if isinstance(clause, tuple) else (clause,))]

    # --- adding
    def add(self, thing: NewThing, place: Place | None) -> Command:
        return Add(thing, place)

    def add_two(self, first: NewThing, second: NewThing) -> tuple[Command, ...]:
        return Add(first), Add(second)

    def add_another(self, place: Place | None) -> Command:
        return AddAnother(place)

    def one_thing(
        self, size: str | None, material: str | None, color: str | None, shape: str, width: float | None
    ) -> NewThing:
        return NewThing(str(shape), _text(color), _half_width(size, width), _text(material))

    def one_thing_color_first(self, color: str, size: str, shape: str) -> NewThing:
        return self.one_thing(size, None, color, shape, None)

    def one_thing_width_first(self, amount: float, unit: str, color: str | None, shape: str) -> NewThing:
        return self.one_thing(None, None, color, shape, self.length(amount, unit))

    def many_things(
        self, count: int, size: str | None, material: str | None, color: str | None, shapes: str
    ) -> NewThing:
        return NewThing(PLURALS[shapes], _text(color), _half_width(size, None), _text(material), count)

    def count(self, number: Token) -> int:
        return int(float(number))

    def size(self, word: Token) -> str:
        return str(word)

    def width(self, distance: float) -> float:
        return distance

    # --- where
    def the_side(self, distance: float | None, side: Side) -> Place:
        return RelativeTo(side, Me(), distance)

    at_my_side = the_side

    def at_my_side_by(self, side: Side, distance: float) -> Place:
        return RelativeTo(side, Me(), distance)

    def side(self, word: Token) -> str:
        return str(word)

    def at_me(self, distance: float | None, relation: Relation) -> Place:
        return RelativeTo(relation, Me(), distance)

    def at_reference(self, distance: float | None, relation: Relation, anchor: Reference) -> Place:
        return RelativeTo(relation, anchor, distance)

    def between(self, a: Anchor, b: Anchor) -> Place:
        return Between(a, b)

    def ahead(self, distance: float | None) -> Place:
        return RelativeTo("front", Me(), distance)

    def here(self) -> Place:
        return Here()

    def on_floor(self) -> Place:
        return OnFloor()

    def relation(self, *words: Token) -> str:
        return RELATIONS[" ".join(words)]

    my_relation = relation

    def me(self) -> Me:
        return Me()

    # --- which objects
    def it(self) -> Reference:
        return It()

    def them(self) -> Reference:
        return It(many=True)

    def the_shape(
        self, choice: Choice | None, size: str | None, color: str | None, shape: str, side: Side | None
    ) -> Reference:
        return The(str(shape), _text(color), size, choice or side)

    def bare_shape(self, size: str | None, color: str | None, shape: str) -> Reference:
        return The(str(shape), _text(color), size)

    def the_object(self, choice: Choice | None, size: str | None, color: str | None, side: Side | None) -> Reference:
        return The(None, _text(color), size, choice or side)

    def that_colored(self, color: str) -> Reference:
        return The(None, str(color))

    def everything(self) -> Reference:
        return All()

    def all_of(self, color: str | None, shape: str) -> Reference:
        return All(PLURALS.get(shape, str(shape)), _text(color))

    def all_colored(self, color: str) -> Reference:
        return All(None, str(color))

    def choice(self, word: Token) -> str:
        return CHOICES.get(word, str(word))

    def at_side(self, side: Side) -> Side:
        return side

    # --- moving
    def move_along(self, target: Reference, ways: tuple[Shift | Toward, ...]) -> Command:
        return Move(target, ways)

    def move_to(self, target: Reference, place: Place) -> Command:
        return Move(target, place)

    def raise_it(self, target: Reference, distance: float | None) -> Command:
        return Move(target, (Shift("up", distance),))

    def lower_it(self, target: Reference, distance: float | None) -> Command:
        return Move(target, (Shift("down", distance),))

    def bring_nearer(self, target: Reference) -> Command:
        return Move(target, (Toward(Me()),))

    def ways(self, *ways: Shift | Toward) -> tuple[Shift | Toward, ...]:
        return ways

    def way(self, direction: Direction, distance: float | None = None) -> Shift:
        return Shift(direction, distance)

    def way_after_distance(self, distance: float, direction: Direction) -> Shift:
        return Shift(direction, distance)

    way_to_side = way
    way_to_side_after_distance = way_after_distance

    def closer_to_me(self, distance: float | None = None) -> Toward:
        return Toward(Me(), distance)

    def closer_to(self, distance: float | None, anchor: Reference) -> Toward:
        return Toward(anchor, distance)

    def away_from_me(self, distance: float | None = None) -> Toward:
        return Toward(Me(), distance, away=True)

    def away_from(self, distance: float | None, anchor: Reference) -> Toward:
        return Toward(anchor, distance, away=True)

    def direction(self, word: Token) -> str:
        return DIRECTIONS[word]

    def swap(self, a: Reference, b: Reference) -> Command:
        return Swap(a, b)

    # --- changing
    def resize_by(self, target: Reference, comparative: str) -> Command:
        return _scaled(target, FACTOR_BIGGER, comparative)

    def resize_by_degree(self, target: Reference, degree: str, comparative: str) -> Command:
        return _scaled(target, FACTOR_OF_DEGREE[degree], comparative)

    def resize_by_multiple(self, target: Reference, multiple: float, comparative: str) -> Command:
        return _scaled(target, multiple, comparative)

    def resize_to_multiple(self, target: Reference, multiple: float) -> Command:
        return Resize(target, factor=multiple)

    resize_by_factor = resize_to_multiple

    def resize_by_verb(self, factor: float, target: Reference) -> Command:
        return Resize(target, factor=factor)

    def resize_to_word(self, target: Reference, size: str) -> Command:
        return Resize(target, size_m=SIZES_M[size])

    def resize_to_width(self, target: Reference, distance: float) -> Command:
        return Resize(target, size_m=_half_width(None, distance))

    def resize_by_percent(self, verb: float, target: Reference, percentage: float) -> Command:
        return Resize(target, factor=_round(1 + percentage / 100 if verb > 1 else 1 - percentage / 100))

    def scale_way(self, target: Reference, factor: float) -> Command:
        return Resize(target, factor=factor)

    def comparative(self, word: Token) -> str:
        return str(word)

    def degree(self, *words: Token) -> str:
        return " ".join(words)

    def multiple(self, word: Token, *_times: Token) -> float:
        return {"twice": 2.0, "half": 0.5}.get(word) or float(word)

    def size_verb(self, word: Token) -> float:
        return FACTOR_OF_VERB[word]

    grow_verb = size_verb
    scale_direction = size_verb

    def factor(self, number: Token | None = None) -> float:
        return float(number) if number is not None else 0.5

    def percentage(self, number: Token) -> float:
        return float(number)

    def recolor(self, target: Reference, color: str) -> Command:
        return Recolor(target, str(color))

    def recolor_it(self, color: str) -> Command:
        return Recolor(It(), str(color))

    def change_shape(self, target: Reference, shape: str) -> Command:
        return ChangeShape(target, str(shape))

    def rotate(self, target: Reference, angle: float | None, *_side: Side) -> Command:
        return Rotate(target, angle)

    def rotate_half(self, target: Reference) -> Command:
        return Rotate(target, 180.0)

    def rotate_part(self, target: Reference, part: float) -> Command:
        return Rotate(target, part)

    def part(self, word: Token) -> float:
        return {"quarter": 90.0, "half": 180.0, "full": 360.0}[word]

    def angle(self, number: Token) -> float:
        return float(number)

    def delete(self, target: Reference) -> Command:
        return Delete(target)

    def delete_two(self, a: Reference, b: Reference) -> tuple[Command, ...]:
        return Delete(a), Delete(b)

    def swap_them(self) -> Command:
        return Swap(It(many=True), It(many=True))

    def delete_everything(self) -> Command:
        return Delete(All())

    def undo(self) -> Command:
        return Undo()

    def redo(self) -> Command:
        return Undo(again=True)

    # --- asking
    def see(self) -> Command:
        return Query("see")

    def scene(self) -> Command:
        return Query("scene")

    def where(self, about: Reference) -> Command:
        return Query("where", about)

    def where_am_i(self) -> Command:
        return Query("me")

    def count_shapes(self, color: str | None, shapes: str) -> Command:
        return Query("count", All(PLURALS[shapes], _text(color)))

    def count_objects(self, color: str | None) -> Command:
        return Query("count", All(None, _text(color)))

    def what_color(self, about: Reference) -> Command:
        return Query("color", about)

    def how_big(self, about: Reference) -> Command:
        return Query("size", about)

    def how_far(self, about: Reference) -> Command:
        return Query("distance", about)

    def exists(self, color: str | None, shape: str) -> Command:
        return Query("exists", The(str(shape), _text(color)))

    def exists_reference(self, about: Reference) -> Command:
        return Query("exists", about)

    def near(self, place: Place) -> Command:
        return Query("near", place=place)

    def pick(self, target: The) -> Command:
        return Pick(target)

    # --- lengths
    def length(self, amount: float, unit: str) -> float:
        return _round(amount * UNITS_M[unit])

    def one_unit(self, unit: str) -> float:
        return UNITS_M[unit]

    def half_unit(self, unit: str) -> float:
        return _round(UNITS_M[unit] / 2)

    def one_and_half_unit(self, unit: str) -> float:
        return _round(UNITS_M[unit] * 1.5)

    def amount(self, number: Token | None = None) -> float:
        return float(number) if number is not None else 1.0

    def bit(self, *_words: Token) -> float:
        return STEP_A_BIT_M

    # --- talking
    def talk(self, kind: TalkKind) -> Command:
        return Talk(kind)

    def __default__(self, data: Any, children: list[Any], meta: Any) -> Any:
        """The alternatives of talk_kind carry nothing but their name."""
        return str(data)


def _text(token: str | None) -> str | None:
    return None if token is None else str(token)


def _half_width(size: str | None, width_m: float | None) -> float | None:
    """The renderer counts half a width; people say the whole, or a word."""
    if width_m is not None:
        return _round(width_m / 2)
    return None if size is None else SIZES_M[size]


def _scaled(target: Reference, factor: float, comparative: str) -> Command:
    smaller = comparative == "smaller" and factor > 1
    return Resize(target, factor=_round(1 / factor if smaller else factor))
