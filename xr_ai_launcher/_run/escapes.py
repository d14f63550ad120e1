"""Takes out of a role's lines what would disturb a terminal that many roles share; colours may stay."""

import re

# What moves the cursor, rings, or changes the character set, of the characters that need no escape; tabs may stay.
_CONTROL_BYTES = bytes({*range(0x20), 0x7F} - set(b"\t\n\r\x1b"))
# The same as one character of UTF-8, which some terminals obey (U+009B begins a sequence as ESC [ does).
_C1_CONTROLS = re.compile(rb"\xc2[\x80-\x9f]")
_ESCAPES = re.compile(
    rb"\x1b(?:"
    rb"\[[<-?][0-?]*[ -/]*[@-~]"  # private CSI, whatever its end
    rb"|\[[0-?]*[ -/]+[@-~]"
    rb"|\[[0-?]*[@-ln-~]"  # any other CSI but that of colours, which ends in m
    rb"|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # titles, links and other strings up to their terminator
    rb"|[ -/]+[0-~]|[0-OQ-WYZ\\`-~]"  # character sets, and all of two bytes: reset, save, restore …
    rb"|(?!\[[0-9;:]*m)"  # the beginning of nothing
    rb")"
)
_COLORS = re.compile(rb"\x1b\[[0-9;:]*m")
_OVERWRITTEN = re.compile(rb"^[^\n]*\r(?=[^\r\n])", re.MULTILINE)
_RESET = b"\x1b[0m"


def calm(lines: bytes, *, keep_colors: bool) -> bytes:
    """Return the lines without cursor movement, screen clearing, titles and overwritten beginnings (progress bars).

    A line that sets a colour and forgets to reset it would colour what other roles say: the reset is added.
    """
    lines = lines.translate(None, _CONTROL_BYTES) if b"\x07" not in lines else _without_controls(lines)
    if b"\r" in lines:
        lines = _OVERWRITTEN.sub(b"", lines).replace(b"\r", b"")
    if b"\xc2" in lines:
        lines = _C1_CONTROLS.sub(b"", lines)
    if b"\x1b" not in lines:
        return lines
    lines = _ESCAPES.sub(b"", lines)
    if not keep_colors:
        return _COLORS.sub(b"", lines)
    return b"\n".join(line + _RESET if b"\x1b[" in line else line for line in lines.split(b"\n"))


def _without_controls(lines: bytes) -> bytes:
    """A bell ends titles and links, so it can go only after them."""
    return _ESCAPES.sub(b"", lines).translate(None, _CONTROL_BYTES)
