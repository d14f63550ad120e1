"""Sentences for the speech recogniser's language model, drawn from the grammar that the parser uses."""

import random
from collections import defaultdict
from functools import cache
from itertools import accumulate
from math import prod

from lark.grammar import NonTerminal, Rule, Symbol, Terminal
from lark.lexer import PatternStr

from scene_language._parser import grammar

__all__ = ("sample_sentences", "vocabulary")

# What people ask for often is drawn often: a trigram that spends itself on rare wordings hears the common ones worse.
# (rule, the alternative's alias or else its symbols) → weight; 1 if absent.
_WEIGHTS: dict[tuple[str, str], float] = {
    ("start", "_clauses"): 10, ("start", "_polite _clauses"): 1.5, ("start", "_clauses _closing"): 0.6,
    ("start", "_polite _clauses _closing"): 0.1, ("start", "fragment"): 0.3, ("start", "_polite fragment"): 0.1,
    ("start", "fragment _closing"): 0.03, ("start", "_polite fragment _closing"): 0.01, ("start", "again"): 0.1,
    ("start", "talk"): 1.4, ("talk_kind", "yes"): 2, ("talk_kind", "no"): 2, ("talk_kind", "walk"): 0.7,
    ("talk_kind", "clock"): 0.2, ("talk_kind", "joke"): 0.2, ("start", "pick"): 0.5, ("_polite", "AND"): 0.2,
    ("_polite", "THEN"): 0.2, ("_polite", "AND THEN"): 0.2, ("_polite", "AND NOW"): 0.1, ("_polite", "ALSO"): 0.2,
    ("_polite", "NO"): 0.2, ("_polite", "ACTUALLY"): 0.2, ("_polite", "WAIT"): 0.1, ("_polite", "NO WAIT"): 0.1,
    ("_polite", "JUST"): 0.1, ("_polite", "OKAY NOW"): 0.1, ("_clauses", "clause"): 5,
    ("recolor", "MAKE reference COLOR_NAME"): 3, ("recolor", "MAKE reference shade"): 0.3,
    ("recolor", "shade_by_degree"): 0.2, ("recolor", "recolor_two"): 0.4, ("recolor", "recolor_it"): 0.7,
    ("recolor", "recolor_each"): 0.2, ("fragment", "move_it"): 0.3, ("fragment", "paint_it"): 0.3,
    ("fragment", "grow_it"): 2, ("fragment", "add"): 0.5, ("fragment", "move_it_along"): 2,
    ("fragment", "add_two"): 0.05, ("fragment", "add_one_colored"): 0.1, ("fragment", "add_one_sized"): 0.1,
    ("start", "_polite pick"): 0.02, ("start", "pick _closing"): 0.05, ("start", "_polite pick _closing"): 0.01,
    ("clause", "add"): 5, ("clause", "move"): 4, ("clause", "resize"): 2, ("clause", "recolor"): 2.5,
    ("clause", "delete"): 2, ("clause", "query"): 3, ("clause", "swap"): 0.3, ("clause", "arrange"): 0.3,
    ("clause", "change_shape"): 0.4, ("clause", "rotate"): 0.5, ("clause", "undo"): 0.6, ("undo", "undo"): 4,
    ("clause", "camera"): 0.15, ("clause", "match"): 0.15, ("_add_verb", "ADD"): 6, ("_add_verb", "PUT"): 8,
    ("_add_verb", "PLACE"): 3, ("_add_verb", "CREATE"): 3, ("_add_verb", "MAKE"): 3, ("_a_new", "A"): 20,
    ("_the", "THE"): 15, ("_pronoun", "IT"): 15, ("_pronoun", "THAT"): 3, ("_pronoun", "THIS"): 3,
    ("reference", "described"): 10, ("reference", "it"): 5, ("reference", "all_colored"): 0.3,
    ("reference", "whole"): 1.7, ("reference", "the_other"): 0.05, ("reference", "the_tower"): 0.1,
    ("reference", "all_but"): 0.1, ("reference", "the_rest"): 0.1, ("whole", "all_of"): 0.7,
    ("_everything", "EVERYTHING"): 4, ("described", "the_shape"): 8, ("described", "bare_shape"): 0.3,
    ("described", "the_object"): 2, ("described", "that_colored"): 0.2, ("reference", "them"): 0.3, ("add", "add"): 10,
    ("add", "add_two"): 1, ("add", "add_another"): 1, ("add", "add_row"): 0.15, ("add", "add_tower"): 0.3,
    ("add", "add_one_colored"): 0.3, ("add", "add_one_sized"): 0.1, ("add", "add_copy"): 0.3, ("add", "add_there"): 0.1,
    ("add", "add_one"): 0.1, ("count", "a_few"): 0.3, ("count", "a_couple"): 0.1, ("thing", "one_thing"): 20,
    ("thing", "many_things"): 2, ("move", "move_along"): 5, ("move", "put_along"): 0.3, ("move", "move_two"): 0.2,
    ("move", "move_to"): 4, ("move", "bring_along"): 0.4, ("move", "bring_to"): 0.3, ("move", "move_there"): 0.2,
    ("move", "pick_up"): 0.2, ("ways", "way"): 10, ("direction", "UP"): 4, ("direction", "DOWN"): 3,
    ("direction", "LEFT"): 3, ("direction", "RIGHT"): 3, ("way", "way"): 4, ("way", "longer_way"): 10,
    ("longer_way", "shift_way"): 13, ("shift_way", "way"): 6, ("shift_way", "way_after_distance"): 3,
    ("shift_way", "way_to_side"): 2, ("shift_way", "way_to_side_after_distance"): 2,
    ("longer_way", "nearer_or_farther"): 6, ("place", "at_me"): 5, ("place", "at_reference"): 5,
    ("place", "at_my_side"): 2.5, ("place", "between"): 1, ("place", "ahead"): 0.4, ("place", "on_floor"): 0.5,
    ("place", "here"): 0.4, ("my_relation", "IN FRONT OF"): 9, ("my_relation", "BEHIND"): 3,
    ("relation", "ON TOP OF"): 3, ("relation", "NEXT TO"): 3, ("relation", "ON"): 2, ("relation", "BEHIND"): 2,
    ("relation", "IN FRONT OF"): 2, ("relation", "ABOVE"): 2, ("distance", "length"): 6, ("resize", "resize_by"): 4,
    ("resize", "resize_two"): 0.2, ("delete", "_delete_verb reference"): 8, ("delete", "take_away"): 0.3,
    ("delete", "delete_two"): 0.5, ("delete", "keep_only"): 0.1, ("_delete_verb", "DELETE"): 5,
    ("_delete_verb", "REMOVE"): 4, ("_move_verb", "MOVE"): 10, ("_joint", "AND"): 3, ("query", "see"): 4,
    ("query", "where"): 3, ("query", "where_lost"): 0.5, ("query", "is_it_shaped"): 0.3,
    ("query", "which_is_colored"): 0.3, ("query", "count_shapes"): 3, ("undo", "bring_this_back"): 0.3,
}  # fmt: skip
# Optional parts that people leave out more often than not.
_SYMBOL_WEIGHTS = {
    "choice": 0.1, "at_side": 0.1, "size": 0.35, "width": 0.05, "MATERIAL_NAME": 0.05, "COLOR_NAME": 2.0,
    "_polite": 0.6, "_closing": 0.4, "place": 2.0, "new_place": 3.0, "distance": 0.9,
}  # fmt: skip

# fmt: off
_SAID: dict[str, tuple[str, ...]] = {
    "COLOR_NAME": (
        *("red", "blue", "green") * 6, *("yellow", "white", "black", "orange", "purple") * 3,
        "pink", "gray", "brown", "cyan", "magenta", "gold", "silver", "violet", "turquoise",
        "dark green", "light blue", "dark blue", "light green", "dark red",
    ),
    "SHAPE_NAME": (*("cube",) * 8, *("sphere",) * 6, *("box", "ball") * 3, "cylinder", "cone", "pyramid", "torus"),
    "SHAPE_PLURAL": (*("cubes", "spheres") * 4, *("boxes", "balls") * 2, "cylinders", "cones", "pyramids"),
    "SIZE_NAME": ("small", "small", "tiny", "huge", "giant", "medium"),
    "MATERIAL_NAME": ("metal", "wooden", "glass", "shiny"),
    "UNIT_NAME": (*("meters",) * 6, "meter", "centimeters", "feet"),
}
_SAID_NUMBERS: dict[str, tuple[str, ...]] = {
    "count": ("two", "three", "four", "five", "six", "ten"),
    "amount": (
        *("one", "three") * 5, *("two",) * 8, *("four", "five") * 3, "six", "seven", "eight", "nine", "ten", "ten",
        "twenty", "thirty", "forty", "fifty", "sixty", "eighty", "a hundred", "twenty five",
        *("one and a half", "two and a half", "one point five", "zero point five", "two point five") * 2,
    ),
    "factor": ("two", "two", "three", "four", "five", "ten", "one point five"),
    "multiple": ("two", "two", "three", "four", "five", "ten"),
    "percentage": ("ten", "twenty", "fifty", "twenty five"),
    "angle": ("ten", "thirty", "forty five", "sixty", "ninety", "one hundred and eighty", "fifteen"),
}
# fmt: on
# "One unit" of the grammar is "a meter", never "a meters".
_SAID_UNITS_AFTER_ONE = ("meter", "meter", "foot", "centimeter")


def sample_sentences(count: int, seed: int = 0) -> list[str]:
    """Return ``count`` sentences in words (numbers spelled out), the same ones for the same seed. Each one parses."""
    sampler = _Sampler(random.Random(seed))
    return [sampler.sentence() for _ in range(count)]


@cache
def vocabulary() -> frozenset[str]:
    """Return every word that `sample_sentences` may use."""
    words = {str(t.pattern.value) for t in grammar().terminals if isinstance(t.pattern, PatternStr)}
    for table in (_SAID, _SAID_NUMBERS):
        words |= {word for phrases in table.values() for phrase in phrases for word in phrase.split()}
    return frozenset(words | set(_SAID_UNITS_AFTER_ONE))


class _Sampler:
    """Walks the compiled rules of the grammar at random."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._alternatives: dict[NonTerminal, list[Rule]] = defaultdict(list)
        for rule in grammar().rules:
            self._alternatives[rule.origin].append(rule)
        self._cumulative = {
            origin: list(accumulate(_weights(origin.name, rules))) for origin, rules in self._alternatives.items()
        }
        self._literals = {
            t.name: str(t.pattern.value) for t in grammar().terminals if isinstance(t.pattern, PatternStr)
        }

    def sentence(self) -> str:
        return " ".join(_with_articles(self._expand(NonTerminal("start"))))

    def _expand(self, symbol: NonTerminal) -> list[str]:
        rule = self._rng.choices(self._alternatives[symbol], cum_weights=self._cumulative[symbol])[0]
        return [word for part in rule.expansion for word in self._words(part, rule)]

    def _words(self, symbol: Symbol, rule: Rule) -> list[str]:
        if isinstance(symbol, NonTerminal):
            return self._expand(symbol)
        literal = self._literals.get(symbol.name)
        return [literal] if literal is not None else self._rng.choice(_phrases(symbol, rule)).split()


def _phrases(terminal: Symbol, rule: Rule) -> tuple[str, ...]:
    if terminal == Terminal("NUMBER"):
        return _SAID_NUMBERS[rule.origin.name]
    if terminal == Terminal("UNIT_NAME") and rule.alias != "length":
        return _SAID_UNITS_AFTER_ONE
    return _SAID[terminal.name]


def _weights(origin: str, rules: list[Rule]) -> list[float]:
    """An alternative's weight is shared by the expansions that its optional parts make of it."""
    names = [rule.alias or " ".join(symbol.name for symbol in rule.expansion) for rule in rules]
    shares = [prod(_SYMBOL_WEIGHTS.get(symbol.name, 1.0) for symbol in rule.expansion) for rule in rules]
    totals: dict[str, float] = defaultdict(float)
    for name, share in zip(names, shares, strict=True):
        totals[name] += share
    return [_WEIGHTS.get((origin, name), 1.0) * share / totals[name] for name, share in zip(names, shares, strict=True)]


def _with_articles(words: list[str]) -> list[str]:
    """The grammar takes "a" for "an"; people say them apart."""
    following = [*words[1:], ""]
    return [
        ("an" if after[:1] in set("aeiou") and after != "one" else "a") if word in {"a", "an"} else word
        for word, after in zip(words, following, strict=True)
    ]
