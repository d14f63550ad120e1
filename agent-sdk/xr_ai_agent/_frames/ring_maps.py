"""The hub's rings that this agent has mapped."""

from xr_ai_agent._frames.ring_map import RingMap
from xr_ai_agent._wire.messages import FrameReply


class RingMaps:
    """Maps each ring once; rings that the hub closed are dropped by `sweep`."""

    def __init__(self) -> None:
        self._maps: dict[str, RingMap] = {}

    def of(self, reply: FrameReply) -> RingMap:
        """Return the map of the ring a reply names.

        Raises:
            OSError: the ring cannot be opened here.
            RingError: the file is not that ring.
        """
        known = self._maps.get(reply.ring_path)
        if known is None:
            known = self._maps[reply.ring_path] = RingMap(reply.ring_path, reply.ring_token)
        return known

    def sweep(self) -> None:
        """Unmap the rings that the hub gave up."""
        for path in [path for path, ring in self._maps.items() if ring.is_closed]:
            self._maps.pop(path).close()

    def close(self) -> None:
        """Unmap everything."""
        for ring in self._maps.values():
            ring.close()
        self._maps.clear()
