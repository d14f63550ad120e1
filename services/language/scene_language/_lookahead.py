"""Lark's Earley parser with one token of lookahead: most of the grammar cannot begin with the word that comes next.

Earley's algorithm predicts every rule that could stand at a place, here hundreds of them. Without those that cannot
begin with the next token it finds the same trees in a fraction of the time.
"""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from lark import Lark, Token
from lark.grammar import Rule, Symbol

__all__ = ("LookingAhead",)


class LookingAhead:
    """A grammar (Earley, tokens ready made, no empty rules) that parses by lookahead; several threads may use it."""

    def __init__(self, grammar: Lark) -> None:
        parser: Any = grammar.parser.parser
        self._grammar = grammar
        self._predictions = _Predictions(parser.predictions, parser.FIRST)
        parser.predictions = self._predictions

    def parse(self, tokens: Sequence[Token], start: str) -> Any:
        """Return the tree of a phrase.

        Raises:
            LarkError: the tokens are none.
        """
        self._predictions.expect(tokens[0] if tokens else None)
        return self._grammar.parse(self._told(tokens), start=start)

    def _told(self, tokens: Sequence[Token]) -> Iterator[Token]:
        """Yield the tokens; the parser predicts after it has taken one and before it has looked at it."""
        for token in tokens:
            self._predictions.expect(token)
            yield token
        self._predictions.expect(None)


class _Predictions:
    """Symbol → the rules that can stand for it and begin with the token to come: what the parser looks up."""

    def __init__(self, rules: dict[Symbol, list[Rule]], first: dict[Symbol, set[Symbol]]) -> None:
        self._rules = rules
        self._first = first
        self._fitting: dict[tuple[Symbol, str | None], list[Rule]] = {}
        self._here = threading.local()

    def expect(self, token: Token | None) -> None:
        """Tell what comes next; None for the end."""
        self._here.type = token.type if token is not None else None

    def __getitem__(self, symbol: Symbol) -> list[Rule]:
        coming = self._here.type
        fitting = self._fitting.get((symbol, coming))
        if fitting is None:
            fitting = [rule for rule in self._rules[symbol] if coming in self._beginnings(rule.expansion[0])]
            self._fitting[symbol, coming] = fitting
        return fitting

    def _beginnings(self, symbol: Symbol) -> set[str]:
        return {terminal.name for terminal in ([symbol] if symbol.is_term else self._first[symbol])}
