"""The program: the agent of the XR render demo."""

import sys

from xr_ai_program import Readiness, run_program
from xr_render_demo_worker.config import WorkerConfig


async def _serve(config: WorkerConfig, readiness: Readiness) -> None:
    readiness.status("loading")
    # Speech and tool libraries take seconds to import on a busy machine: the status line should be there before.
    from xr_render_demo_worker.app import serve

    await serve(config, readiness)


def main() -> int:
    """Run the program."""
    return run_program(
        "xr_render_demo_worker", WorkerConfig, _serve, description="Talk to people and edit their 3D scenes with tools."
    )


if __name__ == "__main__":
    sys.exit(main())
