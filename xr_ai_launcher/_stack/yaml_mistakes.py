"""What people meant when their YAML cannot be read: looks at the line over which the parser stumbled."""

import re
from collections.abc import Callable
from dataclasses import replace

from xr_ai_config import Mark, Problem, one_of

__all__ = ("in_plain_words",)

_UNREADABLE = "not YAML: "
_BEGUN = re.compile(r"begun in line (\d+)\)")
_AFTER_QUOTE = "text after a closing quote", "put the whole value into the other kind of quotes"
_FOUND = re.compile(r"found character? ?'(.+?)'|but (?:found|got) '(.+?)'|character '(.+?)'")


def in_plain_words(problem: Problem) -> Problem:
    """Return a parser's finding as what is wrong in the file; anything else, and what is not understood, as it is."""
    if not problem.message.startswith(_UNREADABLE) or problem.mark is None:
        return problem
    for words, explain in _EXPLANATIONS.items():
        if words in problem.message:
            return explain(problem, problem.mark)
    return problem


def _indentation(problem: Problem, mark: Mark) -> Problem:
    found = _FOUND.search(problem.message)
    token, line = next(filter(None, found.groups()), "") if found else "", _line(mark, mark.line)
    if token in "}]" and token:
        return _said(problem, f"this `{token}` closes nothing", "remove it")
    if token == "-":
        return _said(problem, "a list item among keys", "remove the `- `: the lines around it are `key: value`")
    if _follows_quote(mark):
        return _said(problem, *_AFTER_QUOTE)
    spaces = len(line) - len(line.lstrip())
    fitting = one_of(map(str, _levels_above(mark)))
    return replace(
        _said(problem, "wrong indentation", "indent this line like the ones that it belongs with"),
        expected=f"{fitting} spaces before this, as in the lines above",
        found=str(spaces),
    )


def _follows_quote(mark: Mark) -> bool:
    """Whether a quoted text has just ended where the parser stumbled over what comes next."""
    return _line(mark, mark.line)[: mark.column - 1].rstrip().endswith(("'", '"'))


def _levels_above(mark: Mark) -> list[int]:
    """Return how far the blocks that are open before this line are indented, the innermost first."""
    levels: list[int] = []
    for number in range(mark.line - 1, 0, -1):
        line = _line(mark, number)
        spaces = len(line) - len(line.lstrip())
        if line.strip() and not line.lstrip().startswith("#") and (not levels or spaces < levels[-1]):
            levels.append(spaces)
    return levels


def _colon_too_many(problem: Problem, mark: Mark) -> Problem:
    if ": " in _line(mark, mark.line)[: mark.column - 1]:
        return _said(problem, "a second `: ` in one line", "quote the value")
    above = next((n for n in range(mark.line - 1, 0, -1) if _line(mark, n).strip()), mark.line)
    text = _line(mark, above)
    place = Mark(mark.source, above, len(text) - len(text.lstrip()) + 1, len(text.strip()))
    if ":" not in text:
        return replace(_said(problem, f"no `:` after `{text.strip()}`", f"write `{text.strip()}:`"), mark=place)
    if ": " not in text and not text.rstrip().endswith(":"):
        fixed = text.strip().replace(":", ": ", 1)
        return replace(_said(problem, "no space after the `:`", f"write `{fixed}`"), mark=place)
    spaces = len(text) - len(text.lstrip())
    hint = f"indent it by {spaces} spaces like that line, or quote a value that goes on over several lines"
    return _said(problem, f"indented deeper than line {above}, which has its value already", hint)


def _colon_missing(problem: Problem, mark: Mark) -> Problem:
    begun = _BEGUN.search(problem.message)
    if begun is None:
        return problem
    number = int(begun[1])
    text = _line(mark, number)
    place = Mark(mark.source, number, len(text) - len(text.lstrip()) + 1, len(text.strip()))
    return replace(_said(problem, f"no `:` after `{text.strip()}`", f"write `{text.strip()}:`"), mark=place)


def _not_closed(problem: Problem, mark: Mark) -> Problem:
    if problem.hint:  # a reference in braces, which the reader explains
        return replace(problem, message="an unquoted `{` inside of `{…}` or `[…]`")
    if _follows_quote(mark):
        return _said(problem, *_AFTER_QUOTE)
    begun, closing = _BEGUN.search(problem.message), re.search(r"or '(.)'", problem.message)
    if begun is None or closing is None:
        return problem
    opening = {"}": "{", "]": "["}[closing[1]]
    where = "in this line" if int(begun[1]) == mark.line else f"in line {begun[1]}"
    return _said(
        problem, f"the `{opening}` {where} is still open here", f"a `,` or the closing `{closing[1]}` is missing before"
    )


def _bad_beginning(problem: Problem, mark: Mark) -> Problem:
    text = _line(mark, mark.line)[mark.column - 1 : mark.column]
    return _said(problem, f"a value cannot begin with `{text}`", problem.hint)


def _undefined_alias(problem: Problem, mark: Mark) -> Problem:
    return _said(problem, "a value that begins with `*` refers to an anchor, and there is no such anchor", "quote it")


def _said(problem: Problem, message: str, hint: str) -> Problem:
    return replace(problem, message=message, hint=hint)


def _line(mark: Mark, number: int) -> str:
    lines = mark.source.lines
    return lines[number - 1] if 1 <= number <= len(lines) else ""


_EXPLANATIONS: dict[str, Callable[[Problem, Mark], Problem]] = {
    "expected <block end>": _indentation,
    "mapping values are not allowed": _colon_too_many,
    "could not find expected ':'": _colon_missing,
    "expected ',' or": _not_closed,
    "cannot start any token": _bad_beginning,
    "undefined alias": _undefined_alias,
}
