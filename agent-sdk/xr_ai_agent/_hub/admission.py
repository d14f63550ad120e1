"""What connectors in other processes may say of themselves and of who joins and leaves."""

import logging
import time
from collections.abc import Callable, Container
from typing import Any, Final

from xr_ai_agent._errors import InvalidIdError
from xr_ai_agent._hub.connector_rings import ConnectorRings
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._roster import Roster
from xr_ai_agent._wire.ids import validate_connector_id
from xr_ai_agent._wire.messages import ConnectorRegistration, MsgType, ParticipantEvent

logger = logging.getLogger(__name__)

# What a connector that died had sent waits no longer than this in the hub's inlet.
_LATE_MAX_S: Final = 10.0


class Admission:
    """Nobody on a socket speaks for a connector of this process, and no dead connector lets anybody join."""

    def __init__(
        self,
        roster: Roster,
        own: Container[str],
        rings: ConnectorRings,
        take_event: Callable[[ParticipantEvent], None],
        losses: LossCounter,
    ) -> None:
        """``own`` are the ids of the connectors in this process; ``take_event`` takes what is admitted."""
        self._roster = roster
        self._own = own
        self._rings = rings
        self._take_event = take_event
        self._losses = losses
        # Until when what a peer had sent may still come.
        self._gone: dict[str, float] = {}

    @property
    def handlers(self) -> dict[int, Callable[[Any, bytes], None]]:
        """What handles each message id of the inlet."""
        return {MsgType.PARTICIPANT_EVENT: self._on_event, MsgType.CONNECTOR_REGISTER: self._on_register}

    def inbox_opened(self, owner: str) -> None:
        """A peer is here."""
        self._gone.pop(owner, None)

    def inbox_closed(self, owner: str) -> None:
        """A peer is gone."""
        now = time.monotonic()
        self._gone = {each: until for each, until in self._gone.items() if until > now}
        self._gone[owner] = now + _LATE_MAX_S

    def _on_event(self, event: ParticipantEvent, _: bytes) -> None:
        connector_id = event.connector_id
        if connector_id:
            validate_connector_id(connector_id)
        # Programs of v0.1 may leave the id out.
        if (connector_id or self._roster.connector_of(event.participant_id)) in self._own:
            raise InvalidIdError(
                f"join or leave of {event.participant_id!r:.80} as connector {connector_id!r}: "
                "that participant or id belongs to a connector in the hub's process"
            )
        # A leave is always welcome; a join would stay for ever.
        if not (event.joined and self._is_gone(connector_id, f"join of {event.participant_id!r:.80}")):
            self._take_event(event)

    def _on_register(self, registration: ConnectorRegistration, _: bytes) -> None:
        connector_id, name = validate_connector_id(registration.connector_id), registration.shm_name
        if connector_id in self._own:
            raise InvalidIdError(f"connector id {connector_id!r} belongs to a connector in the hub's process")
        if not self._is_gone(connector_id, "registration"):
            self._rings.register(connector_id, name)
            logger.info("connector %s registered, %s", connector_id, f"ring {name}" if name else "on another machine")

    def _is_gone(self, connector_id: str, what: str) -> bool:
        # One that is back announces everything again as soon as its inbox is seen.
        if self._gone.get(connector_id, 0.0) <= time.monotonic():
            return False
        self._losses.count("connector gone before its message", f"{what} as connector {connector_id!r}")
        return True
