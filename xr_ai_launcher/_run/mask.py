"""Takes the values of secrets out of what is shown and written."""

from collections.abc import Iterable, Mapping

from xr_ai_launcher._stack.plan import StackPlan
from xr_ai_launcher._stack.secret_names import MASK, sounds_secret

# A shorter text occurs by chance: hiding it would spoil lines that have nothing to do with the secret.
_SHORTEST_NAMED_CHARS = 4
_SHORTEST_GUESSED_CHARS = 8


class Mask:
    """Hides some texts, also where a stream of bytes is cut in the middle of one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longer first, since one may contain another.
        self._texts = sorted(set(secrets), key=len, reverse=True)
        self._needles = [text.encode() for text in self._texts]
        self._longest = len(max(self._needles, key=len, default=b""))

    def __bool__(self) -> bool:
        return bool(self._texts)

    def clean(self, text: str) -> str:
        """Return the text without secrets."""
        for secret in self._texts:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    def clean_bytes(self, data: bytes) -> bytes:
        """Return the bytes without secrets."""
        for needle in self._needles:
            if needle in data:
                data = data.replace(needle, MASK.encode())
        return data

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what can be cleaned now, and an ending that may be the beginning of a secret."""
        for length in range(min(self._longest - 1, len(data)), 0, -1):
            ending = data[-length:]
            if any(needle.startswith(ending) for needle in self._needles):
                return data[:-length], ending
        return data, b""


def mask_for(plan: StackPlan, environment: Mapping[str, str]) -> Mask:
    """Hide the values of the variables that the stack calls ``secrets``, and of those whose name sounds like it."""
    named = frozenset(plan.secrets)
    found = set()
    for variables in (environment, *(role.env for role in plan.enabled_roles)):
        for name, value in variables.items():
            shortest = _SHORTEST_NAMED_CHARS if name in named else _SHORTEST_GUESSED_CHARS
            if len(value) >= shortest and (name in named or sounds_secret(name)):
                found.add(value)
    return Mask(found)
