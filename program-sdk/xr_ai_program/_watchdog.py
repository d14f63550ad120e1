"""Signs of life for whoever started this program (sd_watchdog_enabled(3)), given by its event loop while that runs."""

import asyncio
import os

from xr_ai_program._readiness import Readiness

# systemd's advice: half of the time after which it gives the program up.
_SIGNS_PER_TIMEOUT = 2


async def give_signs_of_life(readiness: Readiness) -> None:
    """Say WATCHDOG=1 as often as ``WATCHDOG_USEC`` wants it, until cancelled; return at once if nobody does."""
    timeout_s = wanted_timeout_s()
    while timeout_s:
        readiness.alive()
        await asyncio.sleep(timeout_s / _SIGNS_PER_TIMEOUT)


def wanted_timeout_s() -> float:
    """Return after how much silence this very process is given up; 0 where nobody listens for it."""
    text = os.environ.get("WATCHDOG_USEC", "")
    is_ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(text) / 1e6 if text.isdecimal() and is_ours else 0.0
