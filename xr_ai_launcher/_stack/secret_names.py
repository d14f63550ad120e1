"""Which names sound as if their value should not be shown or written anywhere."""

__all__ = ("MASK", "sounds_secret")

MASK = "********"
_TELLING_WORDS = frozenset({"key", "token", "secret", "password", "passwd", "credential", "credentials"})


def sounds_secret(name: str) -> bool:
    """Whether a variable or key of this name is likely to hold a secret."""
    return not _TELLING_WORDS.isdisjoint(name.lower().split("_"))
