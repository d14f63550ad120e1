"""What each way of keeping participants apart does not guarantee, for operators to read."""

__all__ = ("ISOLATION_NOTES",)

# Each line was measured against a hostile client; none can be closed from the hub's side.
ISOLATION_NOTES: dict[str, tuple[str, ...]] = {
    # The media server itself keeps the rooms apart.
    "room": (),
    "permissions": (
        "One room for everybody: the hub keeps its own replies apart, and nothing else.",
        "A client that wants to can hear and see the others, send them media and data, and call their methods.",
        "Everybody sees who else is here and when they speak; a token stays usable until it expires.",
        "For clients that you trust only; isolation: room has none of these limits.",
    ),
}
