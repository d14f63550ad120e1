"""Finding the parts of a sentence that are phrases of the grammar: "the red cube", "two meters in front of me"."""

from collections import defaultdict
from functools import cache
from typing import Literal

from lark import Token
from lark.exceptions import LarkError
from lark.grammar import NonTerminal, Symbol

from scene_language._parser import grammar, grammar_words, tree_of
from scene_language._tokens import UnknownWordError, tokenize

__all__ = ("UNKNOWN", "Phrase", "known_tokens", "longest_span")

Phrase = Literal["thing", "reference", "new_place", "ways", "size"]
UNKNOWN = "UNKNOWN"
"""The type of a token that no phrase contains."""
_LONGEST_PHRASE = 14


def known_tokens(text: str) -> list[Token]:
    """Return the tokens of a normalised sentence; a word that the language does not know is an UNKNOWN."""
    tokens: list[Token] = []
    rest = text.split()
    while rest:
        try:
            tokens += tokenize(" ".join(rest), grammar_words())
            return tokens
        except UnknownWordError as error:
            at = rest.index(str(error))
            tokens += [*tokenize(" ".join(rest[:at]), grammar_words()), Token(UNKNOWN, rest[at])]
            rest = rest[at + 1 :]
    return tokens


def longest_span(phrase: Phrase, tokens: list[Token]) -> tuple[int, int] | None:
    """Return where the longest such phrase lies, the first where several are as long; None when there is none."""
    first = _first_terminals()[phrase]
    best: tuple[int, int] | None = None
    for start, token in enumerate(tokens):
        if token.type not in first:
            continue
        end = _end_of_phrase(phrase, tokens, start)
        if end is not None and (best is None or end - start > best[1] - best[0]):
            best = (start, end)
    return best


def _end_of_phrase(phrase: Phrase, tokens: list[Token], start: int) -> int | None:
    known = next((at for at in range(start, len(tokens)) if tokens[at].type == UNKNOWN), len(tokens))
    for end in range(min(known, start + _LONGEST_PHRASE), start, -1):
        try:
            tree_of(tokens[start:end], phrase)
        except LarkError:
            continue
        return end
    return None


@cache
def _first_terminals() -> dict[str, frozenset[str]]:
    """Return, for each rule, the terminals that a phrase of it can begin with."""
    first: dict[str, set[str]] = defaultdict(set)
    changed = True
    while changed:
        changed = False
        for rule in grammar().rules:
            found = _begin(rule.expansion[0], first)
            changed |= not found <= first[rule.origin.name]
            first[rule.origin.name] |= found
    return {name: frozenset(terminals) for name, terminals in first.items()}


def _begin(symbol: Symbol, first: dict[str, set[str]]) -> set[str]:
    return set(first[symbol.name]) if isinstance(symbol, NonTerminal) else {symbol.name}
