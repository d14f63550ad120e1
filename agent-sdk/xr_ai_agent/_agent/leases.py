"""Leases on their way back to the hub: noted from whichever thread dropped the last view, told when there is room."""

from collections import deque
from collections.abc import Iterable


class Releases:
    """The ids of leases that nobody here needs any more, and that the hub has not been told of."""

    def __init__(self) -> None:
        # Appending and popping are atomic: a view may be dropped in any thread.
        self._waiting: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def note(self, lease_id: int) -> None:
        """This lease is needed no more; 0 is none."""
        if lease_id:
            self._waiting.append(lease_id)

    def take(self) -> tuple[int, ...]:
        """Return all of them, to be told to the hub now."""
        return tuple(self._waiting.popleft() for _ in range(len(self._waiting)))

    def put_back(self, lease_ids: Iterable[int]) -> None:
        """These could not be told after all."""
        self._waiting.extend(lease_ids)

    def clear(self) -> None:
        """The hub that gave them is gone."""
        self._waiting.clear()
