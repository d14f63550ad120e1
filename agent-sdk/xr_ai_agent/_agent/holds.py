"""Frames read in place without asking: held by a lock that the hub respects, once it has said that it sees ours."""

import contextlib
import secrets
import weakref
from collections import deque
from collections.abc import Callable
from typing import Final

from xr_ai_agent._frames.ring_map import RingMap
from xr_ai_agent._frames.slot_locks import IS_SUPPORTED
from xr_ai_agent._wire.codec import encode
from xr_ai_agent._wire.messages import LOCK_CHECK_FROM, FrameView, LockCheck, LockSeen, MsgType, PixelFormat

# A ring that is replaced meanwhile is no reason to give up.
_CHECKS_MAX: Final = 3


class Holds:
    """What this agent holds by locks, in the memory of one hub after the other."""

    def __init__(self, agent_id: str, send: Callable[[bytes], bool]) -> None:
        self._agent_id = agent_id
        self._send = send
        self.are_seen = False
        """Whether the hub sees our locks: not from a container whose kernel is another one."""
        self._checked: tuple[int, RingMap] | None = None
        self._checks = 0
        # Appended from whichever thread dropped a last view.
        self._dropped: deque[tuple[RingMap, int]] = deque()

    def check(self, ring: RingMap, track: tuple[str, str]) -> None:
        """Ask the hub, unless it has said so or is being asked, whether it sees a lock in the ring of a track."""
        if self.are_seen or self._checked is not None or self._checks >= _CHECKS_MAX or not IS_SUPPORTED:
            return
        self._checks += 1
        at = LOCK_CHECK_FROM + secrets.randbits(60)
        if ring.lock(at) and self._send(encode(MsgType.LOCK_CHECK, LockCheck(self._agent_id, *track, at))):
            self._checked = at, ring
        else:
            ring.unlock(at)

    def on_seen(self, seen: LockSeen) -> None:
        """Take the hub's answer."""
        if self._checked is not None and self._checked[0] == seen.at:
            at, ring = self._checked
            self._checked = None
            ring.unlock(at)
            self.are_seen = seen.is_seen

    def newest(self, ring: RingMap, track: tuple[str, str]) -> FrameView | None:
        """Return the newest frame of a ring, which stays as it is until its last view is gone; None: ask the hub."""
        self.give_back()
        newest = ring.newest if self.are_seen else None
        if newest is None or not ring.hold(newest):
            return None
        pixels = None
        with contextlib.suppress(OSError):
            pixels = ring.map_frame(newest.data_offset, newest.size)
        if pixels is None:
            ring.drop(newest.generation_offset)
            return None
        weakref.finalize(pixels, self._dropped.append, (ring, newest.generation_offset)).atexit = False
        frame = (newest.seq, newest.pts_us, newest.width, newest.height, PixelFormat(newest.fmt), memoryview(pixels))
        return FrameView(*frame, *track)

    def give_back(self) -> None:
        """Unlock what nobody reads any more."""
        while self._dropped:
            ring, at = self._dropped.popleft()
            ring.drop(at)

    def reset(self) -> None:
        """Another hub answers now."""
        self.are_seen = False
        self._checked = None
        self._checks = 0
