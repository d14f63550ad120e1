"""``xr_render_demo``: the stack ``stacks/xr_render_demo.yaml`` by one word."""

import sys
from pathlib import Path

from xr_ai_launcher.cli import main as launcher

_STACK = Path(__file__).resolve().parents[3] / "stacks" / "xr_render_demo.yaml"


def main() -> int:
    """Run the launcher's command line for this stack; its verbs (`check`, `plan`, `doctor` …) work as well."""
    return launcher(stack=_STACK)


if __name__ == "__main__":
    sys.exit(main())
