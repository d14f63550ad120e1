"""How the log names people: by the number of their join, as /status and /metrics do; by name only where asked for."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from xr_ai_program import names_are_logged

__all__ = ("Numbered", "Who", "WithoutNames", "personal")


class Numbered(Protocol):
    """Somebody who is connected."""

    number: int


@dataclass(frozen=True, slots=True)
class Who:
    """A participant in a line of the log; made into text when the line is, so that the number is the present one."""

    participant_id: str
    members: Mapping[str, Numbered]

    def __str__(self) -> str:
        member = self.members.get(self.participant_id)
        text = f"participant {member.number}" if member is not None else "a participant who is not here"
        return f"{text} ({self.participant_id})" if names_are_logged() else text

    def conceal(self, text: object) -> str:
        """Return what somebody else says, without the participant's name."""
        return str(text) if names_are_logged() else str(text).replace(self.participant_id, "…")


class WithoutNames(logging.Filter):
    """For the logger of a library that knows people by name: those who are connected become their numbers."""

    def __init__(self, members: Mapping[str, Numbered]) -> None:
        super().__init__()
        self._members = members

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the line; it is never held back."""
        if not names_are_logged():
            text = record.getMessage()
            for name, member in list(self._members.items()):
                text = re.sub(
                    rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", f"participant {member.number}", text
                )
            record.msg, record.args = text, ()
        return True


def personal(value: object, stand_in: str) -> str:
    """Return what people chose, such as a name or a topic, where the log may have it, else the stand-in."""
    return repr(value) if names_are_logged() else stand_in
