"""Which participants have a signalling connection through the hub's own proxy, which sees at once when it breaks.

LiveKit itself notices up to twenty seconds later that somebody's program was killed or their network is gone.
"""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

__all__ = ("Signalling",)

_Place: TypeAlias = tuple[str, str]
"""Room and identity."""


class Signalling:
    """Tells whoever watches a participant when their first connection opens and their last one closes."""

    def __init__(self) -> None:
        self._open: Counter[_Place] = Counter()
        self._watchers: dict[_Place, Callable[[bool], None]] = {}

    def opened(self, token: str) -> Callable[[], None]:
        """LiveKit has accepted ``token`` on a connection; call what is returned when that connection closes."""
        place = _place_of(token)
        if place is None:
            return _nothing
        self._open[place] += 1
        if self._open[place] == 1:
            self._tell(place, is_open=True)
        return lambda: self._closed(place)

    def watch(self, room: str, identity: str, on_change: Callable[[bool], None]) -> None:
        """Call ``on_change`` from now on with whether the participant has a connection."""
        self._watchers[room, identity] = on_change

    def forget(self, room: str, identity: str) -> None:
        """Stop telling of a participant."""
        self._watchers.pop((room, identity), None)

    def _closed(self, place: _Place) -> None:
        self._open[place] -= 1
        if self._open[place] <= 0:
            del self._open[place]
            self._tell(place, is_open=False)

    def _tell(self, place: _Place, *, is_open: bool) -> None:
        watcher = self._watchers.get(place)
        if watcher is not None:
            watcher(is_open)


def _place_of(token: str) -> _Place | None:
    """Read where a token leads; LiveKit has checked that it is one of ours."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["video"]["room"]), str(claims["sub"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return None


def _nothing() -> None:
    """Close a connection that concerns nobody."""
