"""Amounts of memory as people write them."""

import re

__all__ = ("BYTES_PER_UNIT", "parse_size")

BYTES_PER_UNIT = {
    f"{prefix}{infix}B": float(base**power)
    for power, prefix in enumerate("KMGT", start=1)
    for infix, base in (("i", 1024), ("", 1000))
}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\Z")


def parse_size(value: object) -> object:
    """Return bytes for ``64MiB``, ``1.5GB`` or a plain number of bytes.

    Raises:
        ValueError: not a size.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.match(value.strip()) if isinstance(value, str) else None
    if match is None or match.group(2) not in BYTES_PER_UNIT:
        raise ValueError("expected a size such as 64MiB or 1.5GB (a plain number is bytes)")
    return int(float(match.group(1)) * BYTES_PER_UNIT[match.group(2)])
