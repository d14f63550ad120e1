"""The project's own stacks, run as their users run them, with the launcher's test kit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xr_ai_launcher.testing import RunningStack, launch

__all__ = ("DEMO_URL", "ROOT", "RunningStack", "running_stack", "starting_stack")

ROOT = Path(__file__).resolve().parents[2]
DEMO_URL = "https://127.0.0.1:8080"
# Twice the promised 15 s would already be a defect; the rest is for a machine that runs other things beside the test.
_READY_DEADLINE_S = 120.0


@contextmanager
def running_stack(stack: str, options: str = "", *, env: dict[str, str] | None = None) -> Iterator[RunningStack]:
    """Run ``xrstack up stacks/STACK OPTIONS`` from its readiness until the block ends; nothing of it survives that.

    Raises:
        AssertionError: the stack ended or stayed silent instead of getting ready; its output is in the message.
    """
    with starting_stack(stack, options, env=env) as running:
        running.wait_ready(_READY_DEADLINE_S)
        yield running


@contextmanager
def starting_stack(stack: str, options: str = "", *, env: dict[str, str] | None = None) -> Iterator[RunningStack]:
    """The same, from the launcher's start on."""
    running = launch(Path("stacks", stack), options, folder=ROOT, env=env)
    try:
        yield running
    finally:
        running.end_all()
