"""The folder in which pictures are handed to other tools: safe names, whole files, and a limit."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from PIL import Image

from video_mcp_server._pixels import Rgb

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
# Looked at once and thrown away: speed counts, not size.
_PNG_COMPRESSION = 1
_PATTERN = "*_*_*.png"


class PictureFolder:
    """Writes PNG files and keeps the newest ``max_files`` of them. Blocking: call it from a thread."""

    def __init__(self, folder: Path, max_files: int) -> None:
        """Create the folder, for this user alone. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._max_files = max_files

    def save(self, participant_id: str, kind: str, stamp_us: int, picture: Rgb) -> Path:
        """Write ``picture`` (height, width, 3) and return its path; a reader never sees half a file. Raises OSError."""
        path = self._folder / f"{safe_name(participant_id)}_{kind}_{stamp_us}.png"
        # A name of its own: two callers may ask for the same frame at the same moment.
        handle, partial = tempfile.mkstemp(suffix=".partial", dir=self._folder)
        with os.fdopen(handle, "wb") as file:
            Image.fromarray(picture).save(file, "PNG", compress_level=_PNG_COMPRESSION)
        os.replace(partial, path)
        self._make_room(path)
        return path

    def _make_room(self, newest: Path) -> None:
        ages = {path: path.stat().st_mtime_ns for path in self._folder.glob(_PATTERN) if path != newest}
        for path in sorted(ages, key=ages.__getitem__, reverse=True)[self._max_files - 1 :]:
            path.unlink(missing_ok=True)


def safe_name(participant_id: str) -> str:
    """Return a file name part that stays in its folder; ids that had to be changed stay distinct by a digest."""
    safe = _UNSAFE.sub("_", participant_id)
    if safe == participant_id and safe:
        return safe
    return f"{safe}-{hashlib.sha256(participant_id.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
