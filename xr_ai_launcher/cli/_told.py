"""What `up` and `check` say about a plan that is good."""

from __future__ import annotations

from xr_ai_launcher._stack.plan import StackPlan
from xr_ai_launcher.cli import _output

__all__ = ("announce", "good_words", "tell_warnings")


def announce(plan: StackPlan) -> None:
    """Say what nobody asked for but should know before the stack starts."""
    if plan.profile is not None:
        _output.note(f"{plan.name}: profile {plan.profile}: {plan.profile_reason}")
    tell_warnings(plan)


def tell_warnings(plan: StackPlan) -> None:
    """Say what is allowed but seldom meant."""
    for warning in plan.warnings:
        _output.note(f"warning: {warning}")


def good_words(plan: StackPlan) -> str:
    """Return the verdict on a plan without problems."""
    profile = f"; profile {plan.profile}: {plan.profile_reason}" if plan.profile else ""
    return f"good: {len(plan.enabled_roles)} of {len(plan.roles)} roles{profile}"
