"""Leaves broken parts out of a stack, so that the rest can still be checked and all problems come at once."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from xr_ai_config import ListNode, MapNode, Mark, Node, Problem

__all__ = ("without_consequences", "without_places")

_WRONG_TYPE = "wrong type"
_PART_DEPTH = 1  # dots in "roles.NAME" or "setup.NAME"


def without_places(node: Node, broken: frozenset[Mark | None]) -> Node:
    """Return the tree without the keys and values that were written at one of ``broken``."""
    if not broken:
        return node
    match node:
        case MapNode():
            kept = {
                key: without_places(value, broken)
                for key, value in node.items.items()
                if value.mark not in broken and node.key_marks[key] not in broken
            }
            return replace(node, items=kept)
        case ListNode():
            kept_items = (without_places(item, broken) for item in node.items if item.mark not in broken)
            return replace(node, items=tuple(kept_items))
    return node


def without_consequences(problems: Iterable[Problem], unreadable: Sequence[Problem] = ()) -> list[Problem]:
    """Drop problems that only follow from others.

    A whole role or step with a problem inside may only seem to lack what is broken; and a value that could not even be
    read (``unreadable``) says nothing more by also having the wrong type.
    """
    listed = _one_per_place(list(problems), unreadable)
    return [
        problem
        for problem in listed
        if not _is_about_a_part(problem) or not any(_is_inside(other, problem) for other in listed)
    ]


def _one_per_place(problems: Sequence[Problem], unreadable: Sequence[Problem]) -> list[Problem]:
    """Keep, of what is said about a word that readers of YAML disagree about, what the key would take."""
    places = {problem.mark for problem in unreadable}
    decided = {problem.mark for problem in problems if problem not in unreadable and problem.message != _WRONG_TYPE}
    return [
        problem
        for problem in problems
        if problem.mark not in places or (problem in unreadable) is (problem.mark not in decided)
    ]


def _is_about_a_part(problem: Problem) -> bool:
    return problem.key_path.count(".") == _PART_DEPTH and problem.key_path.startswith(("roles.", "setup."))


def _is_inside(other: Problem, part: Problem) -> bool:
    return other.key_path.startswith((f"{part.key_path}.", f"{part.key_path}["))
