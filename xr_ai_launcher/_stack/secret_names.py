"""Which names sound as if their value should not be shown or written anywhere."""

import re

__all__ = ("MASK", "sounds_secret")

MASK = "********"
_SECRET_NAME = re.compile(r"(?i)(?:^|_)(?:key|token|secret|password|passwd|credentials?)(?:$|_)")


def sounds_secret(name: str) -> bool:
    """Whether a variable or key of this name is likely to hold a secret."""
    return _SECRET_NAME.search(name) is not None
