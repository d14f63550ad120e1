"""Time and packets, as every part of a recording means them."""

from fractions import Fraction
from typing import Any, Final, TypeAlias

from av import Packet

__all__ = ("MICROSECOND", "MICROSECONDS", "AnyPacket")

MICROSECONDS: Final = 1_000_000
MICROSECOND: Final = Fraction(1, MICROSECONDS)
"""The time base of pictures: the hub's own."""

AnyPacket: TypeAlias = "Packet[Any]"
"""An encoded part of any stream."""
