"""The browser of this machine."""

import os
import shutil
import subprocess
from functools import cache

__all__ = ("FLAGS", "find_chromium")

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)
"""What every test's browser is started with: no questions, a camera and a microphone that nobody has to own."""


@cache
def find_chromium() -> str:
    """The path of `$CHROMIUM_BIN`, or of the first Chromium or Chrome on PATH that starts.

    Raises:
        AssertionError: there is none.
    """
    named = os.environ.get("CHROMIUM_BIN")
    found = named or next(filter(_starts, filter(None, map(shutil.which, _NAMES))), None)
    assert found, f"no browser: set CHROMIUM_BIN or install one of {', '.join(_NAMES)} (./setup.sh --with-tests)"
    return found


def _starts(browser: str) -> bool:
    """Ubuntu's chromium-browser is a script that only tells to install a snap."""
    return subprocess.run([browser, "--version"], capture_output=True, check=False).returncode == 0
