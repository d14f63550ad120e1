"""Does a reply claim a change, and did the scene change?"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xr_render_demo_worker.scene import Change

__all__ = ("Evidence", "claims_change", "is_contradicted")

_DONE_VERBS = (
    "added|placed|put|created|moved|shifted|made|changed|turned|painted|coloured|colored|recoloured|recolored|"
    "deleted|removed|resized|scaled|enlarged|shrunk|shrank|doubled|halved|swapped|stacked|lifted|raised|lowered|"
    "brought|set|reverted|undid|undone|redid|redone|restored|cleared|repeated|did (?:it|that|so)"
)
# "I added", "I've just moved", "Added a cube", "Okay, done", "has been removed".
_CLAIM = re.compile(
    rf"(?:^|[.!?]\s+)(?:okay|ok|sure|alright|all right|great)?[,.!]?\s*(?:{_DONE_VERBS}|done)\b"
    rf"|\bI(?:'ve| have| just| have just|'ve just)?\s+(?:also\s+)?(?:{_DONE_VERBS})\b"
    rf"|\b(?:has|have) been (?:{_DONE_VERBS})\b",
    re.IGNORECASE,
)
# "The cube is now blue" tells a change only in a turn that tried one; after a question it is a description.
_STATE = re.compile(r"\b(?:is|are) now\b", re.IGNORECASE)
# What was said earlier, said again, claims nothing of this turn.
_QUOTED = re.compile(r'"[^"]*"')
_DENIAL = re.compile(
    r"n't\b|\b(?:not|cannot|unable|failed|nothing|already|did you mean|should i|shall i)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Evidence:
    """What is known about a turn's effect.

    Attributes:
        changes: how the scene differs, or None when it could not be compared.
        tried: the tools called that change the scene.
        succeeded: those of them that said they did it.
    """

    changes: Sequence[Change] | None
    tried: Sequence[str] = ()
    succeeded: Sequence[str] = ()


def claims_change(reply: str) -> bool:
    """Whether the reply tells that something was changed (and does not deny it)."""
    reply = _QUOTED.sub('""', reply)
    return bool(_CLAIM.search(reply)) and not _DENIAL.search(reply)


def is_contradicted(reply: str, evidence: Evidence) -> bool:
    """Whether the reply claims a change that did not happen."""
    if evidence.changes:
        return False
    tells_state = bool(evidence.tried and _STATE.search(reply) and not _DENIAL.search(reply))
    if not tells_state and not claims_change(reply):
        return False
    if evidence.changes is None:
        return not evidence.succeeded
    # An update to what is already so succeeds and changes nothing: that is no lie. An add or a removal always shows.
    return not {"update_primitive", "undo", "redo"} & set(evidence.succeeded)
