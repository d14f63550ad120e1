"""The library is usable anywhere: it imports nothing outside the standard library."""

import subprocess
import sys

_PROGRAM = """
import sys
before = set(sys.modules)
import xr_ai_spatial
roots = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(roots - set(sys.stdlib_module_names) - {"xr_ai_spatial"}))
"""


def test_no_dependency_is_imported():
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == ""
