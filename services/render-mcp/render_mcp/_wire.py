"""The scene protocol as bytes: msgpack maps ``{"op", "value"}``."""

from collections.abc import Iterable, Iterator
from itertools import islice

import msgpack  # type: ignore[import-untyped]

from render_mcp._scene import Operation, SceneObject

# About 110 bytes each: one message stays below the 15 kB that a WebRTC data channel carries in one piece everywhere.
_OBJECTS_PER_SYNC = 100


def encode(operation: Operation) -> bytes:
    """Return one operation as a message."""
    name, value = operation
    data: bytes = msgpack.packb({"op": name, "value": value})
    return data


def encode_sync(objects: Iterable[SceneObject]) -> Iterator[bytes]:
    """Yield the messages that replace whatever a page shows by ``objects``: a sync, and adds for what exceeds it."""
    rest = iter(objects)
    yield encode(("scene.sync", {"objects": [item.wire() for item in islice(rest, _OBJECTS_PER_SYNC)]}))
    for item in rest:
        yield encode(("scene.add", item.wire()))
