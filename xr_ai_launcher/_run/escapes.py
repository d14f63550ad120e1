"""Takes out of a role's lines what would disturb a terminal that many roles share; colours may stay."""

import re

# CSI (not ending in m), OSC titles and links up to their terminator, and the two-byte escapes.
_CONTROLS = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-ln-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[@-Z\\^_78=>])")
_COLORS = re.compile(rb"\x1b\[[0-9;:]*m")
_OVERWRITTEN = re.compile(rb"^[^\n]*\r(?=[^\r\n])", re.MULTILINE)
_RESET = b"\x1b[0m"


def calm(lines: bytes, *, keep_colors: bool) -> bytes:
    """Return the lines without cursor movement, screen clearing, titles and overwritten beginnings (progress bars).

    A line that sets a colour and forgets to reset it would colour what other roles say: the reset is added.
    """
    if b"\r" in lines:
        lines = _OVERWRITTEN.sub(b"", lines).replace(b"\r", b"")
    if b"\x1b" not in lines:
        return lines
    lines = _CONTROLS.sub(b"", lines)
    if not keep_colors:
        return _COLORS.sub(b"", lines)
    return b"\n".join(line + _RESET if b"\x1b[" in line else line for line in lines.split(b"\n"))
