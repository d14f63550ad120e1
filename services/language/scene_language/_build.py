"""From a parse tree to commands: one method for each alternative of grammar.lark."""

from dataclasses import replace

from lark import Token, v_args

from scene_language._phrases import rounded, text_of
from scene_language._questions import QuestionBuilder
from scene_language.commands import (
    Add,
    AddAnother,
    Again,
    All,
    Arrange,
    BringBack,
    Camera,
    ChangeShape,
    Command,
    Delete,
    Direction,
    Here,
    It,
    Match,
    Me,
    Move,
    NewThing,
    Pick,
    Place,
    Recolor,
    Reference,
    RelativeTo,
    Resize,
    Rotate,
    Shade,
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
    FACTOR_BIGGER,
    FACTOR_OF_DEGREE,
    PLURALS,
    SIZES_M,
)

__all__ = ("CommandBuilder",)


@v_args(inline=True)
class CommandBuilder(QuestionBuilder):
    """Turns the tree of one sentence into its list of commands."""

    def start(self, *clauses: Command | tuple[Command, ...]) -> list[Command]:
        return [command for clause in clauses for command in (clause if isinstance(clause, tuple) else (clause,))]

    # --- adding
    def add(self, thing: NewThing, place: Place | None) -> Command:
        return Add(thing, place)

    add_row = add

    def add_there(self, thing: NewThing) -> Command:
        return Add(thing, Here())

    def add_one(self, place: Place) -> Command:
        return AddAnother(place)

    def add_two(
        self, first: NewThing, place: Place | None, second: NewThing, place_of_second: Place | None
    ) -> tuple[Command, ...]:
        if place is None and place_of_second is not None and not _is_by_it(place_of_second):
            # "A cube and a ball behind me": both, and not in one spot.
            return Add(first, place_of_second), Add(second, RelativeTo("next_to", It()))
        return Add(first, place), Add(second, place_of_second)

    def add_another(self, place: Place | None) -> Command:
        return AddAnother(place)

    def few(self, size: str | None, color: str | None, shapes: str) -> NewThing:
        return self.many_things(_A_FEW, size, None, color, shapes)

    def add_one_colored(self, color: str, place: Place | None) -> tuple[Command, ...]:
        return AddAnother(place), Recolor(It(), str(color))

    def add_one_sized(self, comparative: str, place: Place | None) -> tuple[Command, ...]:
        return AddAnother(place), _scaled(It(), FACTOR_BIGGER, comparative)

    def add_tower(self, thing: NewThing | None, place: Place | None) -> Command:
        return Add(thing or NewThing("cube", count=_A_FEW), place, is_tower=True)

    def add_copy(self, of: Reference, place: Place | None) -> Command:
        return AddAnother(place, of)

    def one_thing(
        self, size: str | None, material: str | None, color: str | None, shape: str, width: float | None
    ) -> NewThing:
        return NewThing(str(shape), text_of(color), _half_width(size, width), text_of(material))

    def one_thing_color_first(self, color: str, size: str, shape: str) -> NewThing:
        return self.one_thing(size, None, color, shape, None)

    def one_thing_width_first(self, amount: float, unit: str, color: str | None, shape: str) -> NewThing:
        return self.one_thing(None, None, color, shape, self.length(amount, unit))

    def many_things(
        self, count: int, size: str | None, material: str | None, color: str | None, shapes: str
    ) -> NewThing:
        return NewThing(PLURALS[shapes], text_of(color), _half_width(size, None), text_of(material), count)

    def count(self, number: Token) -> int:
        return int(float(number))

    def a_few(self) -> int:
        return _A_FEW

    def a_couple(self) -> int:
        return 2

    def size(self, word: Token) -> str:
        return str(word)

    def width(self, distance: float) -> float:
        return distance

    # --- moving
    def move_along(self, target: Reference, ways: tuple[Shift | Toward, ...]) -> Command:
        return Move(target, ways)

    put_along = bring_along = move_along

    def move_two(self, a: Reference, b: Reference, ways: tuple[Shift | Toward, ...]) -> tuple[Command, ...]:
        return Move(a, ways), Move(b, ways)

    def move_to(self, target: Reference, place: Place) -> Command:
        return Move(target, place)

    bring_to = move_to

    def raise_it(self, target: Reference, distance: float | None) -> Command:
        return Move(target, (Shift("up", distance),))

    def lower_it(self, target: Reference, distance: float | None) -> Command:
        return Move(target, (Shift("down", distance),))

    def bring_nearer(self, target: Reference) -> Command:
        return Move(target, (Toward(Me()),))

    def move_there(self, target: Reference) -> Command:
        return Move(target, Here())

    def pick_up(self, target: Reference) -> Command:
        return Move(target, (Shift("up"),))

    def in_a_row(self, target: Reference) -> Command:
        return Arrange(target)

    def stacked(self, target: Reference) -> Command:
        return Arrange(target, is_tower=True)

    def swap(self, a: Reference, b: Reference) -> Command:
        return Swap(a, b)

    def move_it(self, direction: Direction) -> Command:
        return Move(It(), (Shift(direction),))

    def move_it_along(self, *ways: Shift | Toward) -> Command:
        return Move(It(), ways)

    # --- changing
    def resize_by(self, target: Reference, comparative: str) -> Command:
        return _scaled(target, FACTOR_BIGGER, comparative)

    def grow_it(self, comparative: str) -> Command:
        return _scaled(It(), FACTOR_BIGGER, comparative)

    def grow_it_by_degree(self, degree: str, comparative: str) -> Command:
        return _scaled(It(), FACTOR_OF_DEGREE[degree], comparative)

    def grow_it_by_multiple(self, multiple: float, comparative: str) -> Command:
        return _scaled(It(), multiple, comparative)

    def grow_it_to_multiple(self, multiple: float) -> Command:
        return Resize(It(), factor=multiple)

    def resize_two(self, a: Reference, b: Reference, comparative: str) -> tuple[Command, ...]:
        return _scaled(a, FACTOR_BIGGER, comparative), _scaled(b, FACTOR_BIGGER, comparative)

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
        return Resize(target, factor=rounded(1 + percentage / 100 if verb > 1 else 1 - percentage / 100))

    def scale_way(self, target: Reference, factor: float) -> Command:
        return Resize(target, factor=factor)

    def recolor(self, target: Reference, change: str | Shade) -> Command:
        return replace(change, target=target) if isinstance(change, Shade) else Recolor(target, str(change))

    def recolor_two(self, a: Reference, b: Reference, color: str) -> tuple[Command, ...]:
        return Recolor(a, str(color)), Recolor(b, str(color))

    def recolor_each(self, a: Reference, color_of_a: str, b: Reference, color_of_b: str) -> tuple[Command, ...]:
        return Recolor(a, str(color_of_a)), Recolor(b, str(color_of_b))

    def recolor_it(self, color: str) -> Command:
        return Recolor(It(), str(color))

    paint_it = recolor_it

    def shade(self, word: Token) -> Shade:
        return Shade(It(), lighter=word != "darker")

    def shade_it(self, shade: Shade) -> Command:
        return shade

    def shade_it_by_degree(self, degree: str, shade: Shade) -> Command:
        return replace(shade, strongly=degree in _STRONGLY)

    def shade_by_degree(self, target: Reference, degree: str, shade: Shade) -> Command:
        return replace(shade, target=target, strongly=degree in _STRONGLY)

    def change_shape(self, target: Reference, shape: str) -> Command:
        return ChangeShape(target, str(shape))

    def rotate(self, target: Reference, angle: float | None, *_side: Side) -> Command:
        return Rotate(target, angle)

    def rotate_somehow(self, target: Reference) -> Command:
        return Rotate(target)

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

    take_away = delete

    def delete_two(self, a: Reference, b: Reference) -> tuple[Command, ...]:
        return Delete(a), Delete(b)

    def swap_them(self) -> Command:
        return Swap(It(many=True), It(many=True))

    def swap_their_colors(self) -> Command:
        return Swap(It(many=True), It(many=True), "color")

    def swap_colors(self, a: Reference, b: Reference) -> Command:
        return Swap(a, b, "color")

    def swap_colors_of_all(self, shapes: str) -> Command:
        both = All(PLURALS[shapes])
        return Swap(both, both, "color")

    def match_size(self, target: Reference, like: Reference) -> Command:
        return Match(target, like, "size")

    def match_color(self, target: Reference, like: Reference) -> Command:
        return Match(target, like, "color")

    def keep_only(self, kept: The) -> Command:
        return Delete(All(but=kept))

    def delete_everything(self) -> Command:
        return Delete(All())

    def undo(self) -> Command:
        return Undo()

    def undo_all(self) -> Command:
        return Undo(everything=True)

    def bring_back(self) -> Command:
        return BringBack()

    def bring_this_back(self, what: The | All) -> Command:
        return BringBack(what=what)

    def bring_all_back(self) -> Command:
        return BringBack(everything=True)

    def redo(self) -> Command:
        return Undo(again=True)

    def again(self) -> Command:
        return Again()

    def camera_on(self) -> Command:
        return Camera(on=True)

    def camera_off(self) -> Command:
        return Camera(on=False)

    def pick(self, target: The) -> Command:
        return Pick(target)

    # --- talking
    def talk(self, kind: TalkKind) -> Command:
        return Talk(kind)

    def colors(self, *_of_what: Reference) -> TalkKind:
        return "colors"

    def walk(self, *_where_to: Direction | Side | Reference) -> TalkKind:
        return "walk"


_STRONGLY = {"a lot", "much"}
_A_FEW = 3


def _is_by_it(place: Place) -> bool:
    return isinstance(place, RelativeTo) and place.anchor == It()


def _half_width(size: str | None, width_m: float | None) -> float | None:
    """The renderer counts half a width; people say the whole, or a word."""
    if width_m is not None:
        return rounded(width_m / 2)
    return None if size is None else SIZES_M[size]


def _scaled(target: Reference, factor: float, comparative: str) -> Command:
    smaller = comparative == "smaller" and factor > 1
    return Resize(target, factor=rounded(1 / factor if smaller else factor))
