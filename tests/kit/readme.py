"""The README, whose examples are tested as they stand there."""

import re

from kit.stack import ROOT

__all__ = ("README", "example")

README = (ROOT / "README.md").read_text(encoding="utf-8")


def example(first_line: str) -> str:
    """Return the YAML example that begins with ``first_line``."""
    found = re.search(rf"```yaml\n({re.escape(first_line)}.*?)```", README, re.DOTALL)
    assert found, f"no example that begins with {first_line!r}"
    return found.group(1)
