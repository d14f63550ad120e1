"""The page's own checks: types, unit tests, and its browser tests against a real media server."""

import os
import subprocess

import pytest
from kit.browsers import find_chromium
from kit.stack import ROOT

SOURCES = ROOT / "client-samples" / "web-xr-build"


@pytest.mark.timeout(400)
@pytest.mark.parametrize("script", ["check", "test:unit", pytest.param("test:browser", marks=pytest.mark.browser)])
def test_npm_script_passes(script: str) -> None:
    result = subprocess.run(
        ["npm", "run", "--silent", script],
        cwd=SOURCES,
        env={**os.environ, "CHROMIUM_BIN": find_chromium()},
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
