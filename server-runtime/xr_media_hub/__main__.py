"""The `xr_media_hub` command."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from xr_ai_program import StartupError, run_program
from xr_media_hub import _make_keys
from xr_media_hub._examine import examine
from xr_media_hub._hub import serve
from xr_media_hub.config import HubConfig


def main() -> int:
    """Run the hub and end this process with its exit code, or make keys and return theirs."""
    if any(each.partition("=")[0] == _make_keys.OPTION for each in sys.argv[1:]):
        return _keys()
    code = run_program(
        "xr_media_hub",
        HubConfig,
        serve,
        description="The media hub: clients connect here, agents see and hear them here. "
        f"`{_make_keys.OPTION} DIR [NAME …]` makes keys for agents on other machines.",
        examine=examine,
        notes=HubConfig.notes,
        loop_factory=_fast_loop_factory(),
    )
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End at once, everything being closed.

    LiveKit's library calls into Python from threads of its own; one that does so while the interpreter is taken down
    aborts the process, and the exit code is lost.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _keys() -> int:
    try:
        print(_make_keys.run(sys.argv[1:]))  # noqa: T201 - a command whose output is its result
    except StartupError as error:
        print(error, file=sys.stderr)  # noqa: T201 - as above
        return 1
    return 0


def _fast_loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Take uvloop where it exists: the signalling proxy and TLS take a third of the time."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
