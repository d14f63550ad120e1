"""Every error that a stack file can cause has a negative example: what no example reaches is found here.

The places where the code makes a problem are read from its source; then all negative examples are checked under a
trace, and each place must have been passed.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from xr_ai_launcher import _setup, _stack

STACK = Path(_stack.__file__).parent
SETUP = Path(_setup.__file__).parent
TESTS = Path(__file__).parent.parent
_MAKERS = frozenset({"Problem", "problem", "UnknownName", "ValueError", "EnvFileError", "_said"})
_FAILURES = frozenset({"SetupError", "SourceUnavailable", "_Interrupted"})
_LOOK = "cached"
"""Says why nothing is here yet, to the next function and to nobody else."""

# Errors that need more than a file: where they are made, and the tests that show them.
ELSEWHERE = {
    "kinds.py": "setup/test_kinds.py",  # packages that bring kinds of setup step
    "further_steps.py": "setup/test_kinds.py",
    "ports.py": "stack/test_ports.py",  # ports that are taken
}


def _sites(folder: Path, makers: frozenset[str]) -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name != _LOOK:
                calls = (each for each in ast.walk(node) if isinstance(each, ast.Call))
                yield from ((path, call) for call in calls if _name(call.func) in makers)


def _lines(site: ast.Call) -> range:
    return range(site.lineno, (site.end_lineno or site.lineno) + 1)


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", None) or getattr(function, "id", "")


class _Passed:
    """Which lines of some were run; functions without such a line run at their usual speed."""

    def __init__(self, wanted: set[tuple[str, int]]) -> None:
        self.lines: set[tuple[str, int]] = set()
        self._wanted = wanted
        self._files = {name for name, _ in wanted}
        self._is_traced: dict[CodeType, bool] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        is_traced = self._is_traced.get(code)
        if is_traced is None:
            is_traced = self._is_traced[code] = code.co_filename in self._files and any(
                (code.co_filename, line) in self._wanted for _, _, line in code.co_lines() if line
            )
        if not is_traced:
            return None
        self.lines.add((code.co_filename, frame.f_lineno))
        return self


def test_every_error_of_a_stack_file_has_an_example(verdict: Any) -> None:
    sites = [(path, site) for path, site in _sites(STACK, _MAKERS) if path.name not in ELSEWHERE]
    passed, before = _Passed({(str(path), line) for path, site in sites for line in _lines(site)}), sys.gettrace()
    sys.settrace(passed)
    try:
        for example in sorted((TESTS / "examples").glob("negative/*/*.yaml")):
            verdict(example)
    finally:
        sys.settrace(before)
    missing = [
        f"{path.name}:{site.lineno}: {ast.unparse(site)[:100]}"
        for path, site in sites
        if not any((str(path), line) in passed.lines for line in _lines(site))
    ]
    assert not missing, "\n".join(missing)


def test_errors_that_need_more_than_a_file_are_tested_where_it_is_said() -> None:
    made = {path.name for path, _ in _sites(STACK, _MAKERS | {"KindError"})}
    assert set(ELSEWHERE) - made == set()
    assert [test for test in ELSEWHERE.values() if not (TESTS / test).exists()] == []


@pytest.mark.parametrize("path", sorted({path for path, _ in _sites(SETUP, _FAILURES)}), ids=lambda path: path.stem)
def test_every_failure_of_a_setup_step_is_seen_by_a_test(path: Path) -> None:
    """Setup works in processes of its own, so its words are looked for in the tests that wait for them."""
    seen = "\n".join(test.read_text(encoding="utf-8") for test in (TESTS / "setup").glob("test_*.py"))
    unseen = [
        fragment
        for source, site in _sites(SETUP, _FAILURES)
        if source == path
        for fragment in [_longest_text(site)]
        if fragment and not any(part in seen for part in _halves(fragment))
    ]
    assert not unseen, "\n".join(unseen)


def _longest_text(site: ast.Call) -> str:
    texts = [node.value for node in ast.walk(site) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return max(texts, key=len, default="").strip()


def _halves(fragment: str) -> list[str]:
    """A test may ask for a part of the words only."""
    middle = len(fragment) // 2
    return [fragment, fragment[:middle].strip(), fragment[middle:].strip()]
