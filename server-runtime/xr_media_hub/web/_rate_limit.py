"""How often one address may ask for something: a token bucket each, in bounded memory."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from xr_media_hub.web._clients import IpAddress

__all__ = ("RateLimit",)

_ADDRESSES_MOST = 4_096
# Whoever has one IPv6 address has at least these 2^64.
_IPV6_PREFIX = 64
_SECONDS = 60.0


class RateLimit:
    """``per_minute`` requests per address, all at once if need be; 0 is no limit."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = float(per_minute)
        self._per_second = per_minute / _SECONDS
        self._clock = clock
        # What was left, and when; the least recently seen first.
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Addresses remembered."""
        return len(self._buckets)

    def wait_s(self, address: IpAddress | None) -> float:
        """Take one request; returns 0, or the seconds after which it would be granted (then nothing is taken)."""
        if not self._burst:
            return 0.0
        key, now = _key_of(address), self._clock()
        left, seen_at = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - seen_at) * self._per_second)
        is_granted = left >= 1.0
        self._buckets[key] = (left - 1.0 if is_granted else left, now)
        while len(self._buckets) > _ADDRESSES_MOST:
            self._buckets.popitem(last=False)
        return 0.0 if is_granted else (1.0 - left) / self._per_second


def _key_of(address: IpAddress | None) -> object:
    if isinstance(address, ipaddress.IPv6Address):
        return ipaddress.ip_network((address, _IPV6_PREFIX), strict=False)
    return address
