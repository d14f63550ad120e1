"""Finds what only a shell would understand in commands that no shell will ever see."""

import re
from collections.abc import Iterator
from dataclasses import replace

from xr_ai_config import MapNode, Mark, Node, Problem, ScalarNode, format_path, locate

__all__ = ("shell_syntax",)

_Path = tuple[str | int, ...]

_OPERATORS = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "<<", "2>", "2>&1", "&>", "1>", "|&"})
_SHELL_WORDS = frozenset(
    {"alias", "case", "cd", "eval", "export", "for", "function", "if", "let", "set", "source", "ulimit", "umask"}
    | {"unset", "until", "while", "."}
)
_CHANGE_FOLDER = re.compile(r"cd\s+([^\s;&|]+)\s*(?:&&|;)\s*([^;&|<>]+)\Z")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)\Z")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
# One word, and whether a part of it is quoted, which tells a shell to leave that part alone.
_WORD = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+""")
_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:[^"\\]|\\.)*\"""")
_LONGEST_QUOTED_CHARS = 60


def shell_syntax(tree: Node) -> Iterator[Problem]:
    """Yield a problem for each text command that would need a shell. Lists say what they mean word by word."""
    for path, node in _commands(tree):
        if isinstance(node.value, str):
            yield from _in_command(node.value, node, path)


def _commands(tree: Node) -> Iterator[tuple[_Path, ScalarNode]]:
    for section, keys in (("roles", ("command",)), ("setup", ("run",))):
        located = locate(tree, (section,))
        names = located.node.items if located.path and isinstance(located.node, MapNode) else {}
        for name in names:
            for key in (*keys, *((("ready", "exec"),) if section == "roles" else ())):
                path: _Path = (section, name, *((key,) if isinstance(key, str) else key))
                found = locate(tree, path)
                if found.path == path and isinstance(found.node, ScalarNode):
                    yield path, found.node


def _in_command(text: str, node: ScalarNode, path: _Path) -> Iterator[Problem]:
    for index, match in enumerate(_WORD.finditer(text)):
        finding = _finding(match.group(), text, is_first=index == 0)
        if finding is not None:
            message, hint = finding
            yield Problem(message, _mark(node, text, match.start(), len(match.group())), format_path(path), hint=hint)
            return  # the first says it all: more of the same would only hide it


def _finding(word: str, text: str, *, is_first: bool) -> tuple[str, str] | None:
    """Return what is wrong with a word, and what repairs it."""
    bare = _QUOTED.sub("", word)
    assignment = _ASSIGNMENT.match(word)
    if is_first and assignment is not None:
        variable = f"{assignment[1]}: {assignment[2] or '…'}"
        return f"`{word}` is no program", f"give the variable under `env: {{{variable}}}`"
    if is_first and bare == "exec":
        return "`exec` is a word of the shell, not a program", "leave it out: the program is started without a shell"
    change = _CHANGE_FOLDER.match(text)
    if is_first and change is not None:
        return (
            "`cd` is a word of the shell, not a program",
            f"write `dir: {change[1]}` and `command: {change[2].strip()}`",
        )
    if is_first and bare in _SHELL_WORDS:
        return f"`{word}` is a word of the shell, not a program", _for_a_shell(text)
    if bare in _OPERATORS or (bare.endswith(";") and bare != r"\;"):
        return f"`{word}` means nothing here: no shell runs this command", _for_a_shell(text)
    reference = _VARIABLE.search(bare)
    if reference is not None:
        return f"`{reference[0]}` is not replaced here: no shell runs this command", f"write ${{env.{reference[1]}}}"
    if not is_first and (bare == "~" or bare.startswith("~/")):
        return f"`{word}` is not replaced here: no shell runs this command", f"write ${{env.HOME}}{word[1:]}"
    if "*" in bare and "://" not in bare:
        hint = f"quote it if the program itself shall see it, or {_for_a_shell(text)}"
        return f"`{word}` is not replaced by names of files: no shell runs this command", hint
    return None


def _for_a_shell(text: str) -> str:
    is_short = len(text) <= _LONGEST_QUOTED_CHARS and "'" not in text and "\n" not in text
    script = text if is_short else "…"
    return f"give it to a shell: [sh, -c, '{script}']"


def _mark(node: ScalarNode, text: str, start: int, length: int) -> Mark:
    """Return the place of the word where the text stands in one line just as it is, else that of the whole text."""
    if node.is_plain and node.mark.length == len(text):
        return replace(node.mark, column=node.mark.column + start, length=length)
    return node.mark
