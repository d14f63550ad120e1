"""The strict parser: a sentence of the language becomes commands, anything else becomes None."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import LarkError
from lark.lexer import Lexer, PatternStr

from scene_language._build import CommandBuilder
from scene_language._lookahead import LookingAhead
from scene_language._tokens import UnknownWordError, normalize, tokenize
from scene_language.commands import Command

__all__ = ("grammar", "grammar_words", "parse", "tree_of")


# A sentence, and the phrases that are looked for inside of one (_spans.py).
_STARTS = ("start", "thing", "reference", "new_place", "ways", "size")


class _Tokens(Lexer):
    """Lark's lexer, of which nothing is left to do: the tokens come ready made."""

    def __init__(self, conf: Any) -> None:
        """Lark constructs its lexer with a configuration that is of no use here."""

    def lex(self, data: Iterable[Token]) -> Iterator[Token]:  # type: ignore[override]  # lark's documented custom input
        return iter(data)


@cache
def grammar(ambiguity: str = "resolve") -> Lark:
    """Return the compiled grammar of grammar.lark."""
    text = files(__package__).joinpath("grammar.lark").read_text("utf-8")
    return Lark(text, start=list(_STARTS), parser="earley", lexer=_Tokens, ambiguity=ambiguity, maybe_placeholders=True)


@cache
def _looking_ahead() -> LookingAhead:
    return LookingAhead(grammar())


def tree_of(tokens: Sequence[Token], start: str) -> Tree[Token]:
    """Return the tree of a sentence or of a phrase.

    Raises:
        LarkError: the tokens are none.
    """
    tree: Tree[Token] = _looking_ahead().parse(tokens, start)
    return tree


@cache
def grammar_words() -> dict[str, str]:
    """Return the words that the grammar names itself, each with its terminal."""
    return {str(t.pattern.value): t.name for t in grammar().terminals if isinstance(t.pattern, PatternStr)}


def parse(text: str) -> list[Command] | None:
    """Return the commands that a sentence asks for, or None when it is not wholly a sentence of the language.

    Strict on purpose: no word is left out or repaired, because only what parses may change the scene unasked.
    """
    try:
        tokens = list(tokenize(normalize(text), grammar_words()))
        tree = tree_of(tokens, "start") if tokens else None
    except (LarkError, UnknownWordError):
        return None
    return None if tree is None else CommandBuilder().transform(tree)
