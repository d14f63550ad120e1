"""Starts only some of a stack's roles: ``--only`` and ``--without``."""

from collections.abc import Sequence
from dataclasses import replace

from xr_ai_config import Mark, Problem, Source, did_you_mean, one_of
from xr_ai_launcher._stack.plan import RolePlan, StackPlan

__all__ = ("select_roles",)


def select_roles(plan: StackPlan, only: Sequence[str], left_out: Sequence[str]) -> tuple[StackPlan, list[Problem]]:
    """Return the plan with the other roles disabled, and a problem for each name that is not a role."""
    known = [role.name for role in plan.roles]
    problems = [
        Problem(
            f"no role `{name}`",
            Mark(Source(option, None, (name,)), 1, 1, len(name)),
            hint=did_you_mean(name, known) or f"roles: {one_of(known)}",
        )
        for option, names in (("--only", only), ("--without", left_out))
        for name in names
        if name not in known
    ]
    roles = tuple(_selected(role, only, left_out) for role in plan.roles)
    return replace(plan, roles=roles), problems


def _selected(role: RolePlan, only: Sequence[str], left_out: Sequence[str]) -> RolePlan:
    if role.name in left_out:
        return replace(role, enabled=False, disabled_reason="left out by --without")
    if only and role.name not in only:
        return replace(role, enabled=False, disabled_reason="not named by --only")
    return role
