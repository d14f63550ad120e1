"""What must never be taken for a request: negations and statements about the past or about other people."""

import re
from typing import Literal

from scene_language._tokens import normalize

__all__ = ("Refusal", "guard")

Refusal = Literal["negated", "statement"]

_NEGATED = re.compile(
    r"\b(do not|dont|does not|not|never|no longer|without|cannot|stop \w+ing|leave|keep|avoid|ignore|hands off"
    r"|rather than|instead of|neither|nor)\b"
)
_PAST = (
    "added|removed|deleted|erased|destroyed|moved|placed|painted|colored|changed|turned|rotated|scaled|told|said|asked|was"
    "|were|did|had|has|have been|made|got|took|went|saw|thought|used to"
)
_STATEMENT = re.compile(
    r"^(who|why|when|which|whose|if|unless|because|maybe|perhaps)\b"
    rf"|^(i|he|she|they|we|you|it|that|there|this) (\w+ )?({_PAST})\b"
    r"|^(i|we|they) (like|love|hate|think|believe|know|remember|wonder|guess|hope|see|am|are)\b"
    r"|^(he|she|they|somebody|someone|nobody|everybody|my \w+) \w+"
    r"|\b(joking|kidding|earlier|yesterday|tomorrow|later)\b"
    rf"|^[a-z]+ ({_PAST})\b"
)


def guard(text: str) -> Refusal | None:
    """Return why a sentence outside the strict language must not be read as a request, or None when it may be one.

    Sentences that parse strictly do not need it: the language has no negations and no past.
    """
    text = normalize(text)
    if _NEGATED.search(text):
        return "negated"
    return "statement" if _STATEMENT.search(text) else None
