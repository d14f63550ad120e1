"""What the tools need of whatever draws the scenes."""

from collections.abc import Sequence
from typing import Any, Protocol

from render_mcp._scene import Operation


class Renderer(Protocol):
    """Draws scenes. Delivery is its own affair: the store is right whether or not anybody looks."""

    name: str

    def apply(self, participant_id: str, operations: Sequence[Operation]) -> None:
        """Take note of changes to the participant's scene; never blocks, never fails."""
        ...

    def start(self, participant_id: str) -> dict[str, Any]:
        """Return the contract's ``start_xr`` result."""
        ...

    def health(self, participant_id: str) -> dict[str, Any]:
        """Return ``lovr_started`` (somebody can see the scene), ``spawn_error``, ``render_drops``, and own facts."""
        ...
