"""The rings of the connectors in other processes, and which of them holds the frame that a signal is about."""

from xr_ai_agent._errors import RingError
from xr_ai_agent._frames.connector_ring import ConnectorRing
from xr_ai_agent._loss import LossCounter
from xr_ai_agent._wire.messages import FrameSignal


class ConnectorRings:
    """By connector id. A signal names its participant, not its ring: whose it is decides what the slots hold."""

    def __init__(self, losses: LossCounter) -> None:
        # None for a connector on another machine.
        self._rings: dict[str, ConnectorRing | None] = {}
        self._losses = losses

    def __contains__(self, connector_id: object) -> bool:
        return connector_id in self._rings

    def register(self, connector_id: str, shm_name: str) -> None:
        """Map a connector's ring instead of the one it had; without a name it has none.

        Raises:
            RingError: the ring cannot be mapped; the connector keeps the one it had.
        """
        ring = ConnectorRing.attach(shm_name) if shm_name else None
        self.drop(connector_id)
        self._rings[connector_id] = ring

    def drop(self, connector_id: str) -> None:
        """Let go of the ring of a connector that is gone, if it was known."""
        ring = self._rings.pop(connector_id, None)
        if ring is not None:
            ring.close()

    def ring_of(self, signal: FrameSignal, connector_id: str | None) -> ConnectorRing | None:
        """Return the ring that holds a frame of a participant of this connector, who is here (None: nobody is).

        Any other frame is dropped and counted, and its slot given back wherever it lies: its participant was never
        admitted, has left, or has gone over to another connector.

        Raises:
            RingError: the signal contradicts what its slot holds.
        """
        own = self._rings.get(connector_id or "")
        if own is not None and own.holds(signal):
            return own
        for ring in self._rings.values():
            if ring is not None and ring.holds(signal):
                ring.release(signal.slot)
                break
        else:
            if own is not None:
                self._give_back(own, signal)
        who = f"{signal.participant_id!r:.80}"
        self._losses.count(
            "frame of nobody dropped", "the participant is not here through the frame's connector", who=who
        )
        return None

    def close(self) -> None:
        """Let go of everything."""
        for connector_id in tuple(self._rings):
            self.drop(connector_id)

    @staticmethod
    def _give_back(ring: ConnectorRing, signal: FrameSignal) -> None:
        try:
            ring.read(signal)
        except RingError:
            if ring.is_ready(signal.slot):
                ring.release(signal.slot)
            raise
