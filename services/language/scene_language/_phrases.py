"""From a parse tree to the phrases that commands are made of: places, references, ways, lengths, degrees."""

from dataclasses import replace
from typing import Any

from lark import Token, Transformer, v_args

from scene_language.commands import (
    All,
    Anchor,
    Between,
    Choice,
    Direction,
    Here,
    It,
    Me,
    OnFloor,
    Place,
    Reference,
    Relation,
    RelativeTo,
    Shift,
    Side,
    The,
    Toward,
    Tower,
)
from scene_language.lexicon import (
    CHOICES,
    DIRECTIONS,
    FACTOR_OF_VERB,
    PLURALS,
    RELATIONS,
    STEP_A_BIT_M,
    UNITS_M,
)

__all__ = ("PhraseBuilder", "rounded", "text_of")

# A tenth of a millimetre: what `describe` says with four decimals must come back as the same number.
_PRECISION = 4


def rounded(value: float) -> float:
    """Return a length or a factor as precise as a sentence can say it."""
    return round(value, _PRECISION)


def text_of(token: str | None) -> str | None:
    """Return a token as plain text; None stays None."""
    return None if token is None else str(token)


@v_args(inline=True)
class PhraseBuilder(Transformer[Token, Any]):
    """One method for each alternative of a phrase."""

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
        return The(str(shape), text_of(color), size, choice or side)

    def bare_shape(self, size: str | None, color: str | None, shape: str) -> Reference:
        return The(str(shape), text_of(color), size)

    def the_object(self, choice: Choice | None, size: str | None, color: str | None, side: Side | None) -> Reference:
        return The(None, text_of(color), size, choice or side)

    def that_colored(self, color: str) -> Reference:
        return The(None, str(color))

    def everything(self) -> Reference:
        return All()

    def all_of(self, color: str | None, shape: str) -> Reference:
        return All(PLURALS.get(shape, str(shape)), text_of(color))

    def all_colored(self, color: str) -> Reference:
        return All(None, str(color))

    def all_but(self, whole: All, but: It | The) -> Reference:
        return replace(whole, but=but)

    def the_rest(self) -> Reference:
        return All(but=It(many=True))

    def the_other(self, color: str | None, shapes: str) -> Reference:
        return All(PLURALS[shapes], text_of(color), It(many=True))

    def the_tower(self) -> Reference:
        return Tower()

    def choice(self, word: Token) -> str:
        return CHOICES.get(word, str(word))

    def compared(self, *words: Token) -> str:
        return CHOICES[" ".join(words)]

    def superlative(self, choice: Choice | Side) -> Choice:
        return choice

    def at_side(self, side: Side) -> Side:
        return side

    # --- ways
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

    height = direction

    # --- how much
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

    # --- lengths
    def length(self, amount: float, unit: str) -> float:
        return rounded(amount * UNITS_M[unit])

    def one_unit(self, unit: str) -> float:
        return UNITS_M[unit]

    def half_unit(self, unit: str) -> float:
        return rounded(UNITS_M[unit] / 2)

    def one_and_half_unit(self, unit: str) -> float:
        return rounded(UNITS_M[unit] * 1.5)

    def amount(self, number: Token | None = None) -> float:
        return float(number) if number is not None else 1.0

    def bit(self, *_words: Token) -> float:
        return STEP_A_BIT_M

    def __default__(self, data: Any, children: list[Any], meta: Any) -> Any:
        """The alternatives of talk_kind carry nothing but their name."""
        return str(data)
