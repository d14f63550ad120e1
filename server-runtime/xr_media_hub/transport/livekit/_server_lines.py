"""What livekit-server prints, without the people it prints about: it names rooms and identities in most lines."""

import json
from typing import Any

from xr_ai_program import names_are_logged

__all__ = ("without_people",)

# A line is time, level, logger, place and message, then a JSON object, all separated by tabs.
_DETAILS = "\t{"
# What an operator needs, and what is made up by the server.
_KEPT = ("error", "reason", "roomID", "pID", "connID", "trackID")
# What people chose, and what is made of it; an error may repeat it.
_PERSONAL = ("room", "participant", "participantIdentity", "identity", "publisher", "publisherIdentity", "subscriber")


def without_people(line: str) -> str:
    """Return a line as the log may have it; whole where names were asked for."""
    head, mark, details = line.partition(_DETAILS)
    if not mark or names_are_logged():
        return line
    try:
        facts: dict[str, Any] = json.loads(f"{{{details}")
    except ValueError:
        return f"{head}{_DETAILS}…}}"
    kept = {key: str(facts[key]) for key in _KEPT if key in facts}
    for name in (str(facts[key]) for key in _PERSONAL if facts.get(key)):
        kept = {key: text.replace(name, "…") for key, text in kept.items()}
    return f"{head}\t{json.dumps(kept, ensure_ascii=False)}"
