"""The folder of recordings: what lies in it, how much that is, and what has to go. Safe to use from any thread."""

import heapq
import json
import logging
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from xr_media_hub._who import personal
from xr_media_hub.recording._folder_lock import FolderLock
from xr_media_hub.recording._leftovers import describe_leftover
from xr_media_hub.recording._names import folder_name

__all__ = ("SUFFIX", "Archive", "SegmentFile")

logger = logging.getLogger(__name__)

SUFFIX = ".mp4"
_SIDECAR_SUFFIX = ".json"
_IDENTITY_FILE = ".identity"
# Above what a sidecar takes (about 300 bytes), so that the cap covers it before it is written.
_SIDECAR_ROOM_BYTES = 1024

WhenFull = Literal["delete_oldest", "stop"]


@dataclass(order=True)
class _Kept:
    """A complete recording, the oldest first."""

    start_us: int
    path: Path
    size: int = field(compare=False)


class SegmentFile:
    """One file that is being written; what a container writes through.

    It ends in one of three ways: `finish`, `cut_off` or `discard`.
    """

    def __init__(self, archive: "Archive", path: Path, start_us: int) -> None:
        """Create the file. Raises OSError."""
        self.path = path
        self.start_us = start_us
        self.size = 0
        self.closed = False
        self._archive = archive
        # For the owner alone: it holds what somebody said and showed.
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, data: bytes) -> int:
        """Append to the file.

        Raises:
            OSError: the disk is full, for example.
            ValueError: the file has ended; its descriptor may be somebody's connection by now.
        """
        if self.closed:
            raise ValueError(f"{self.path.name} takes no more")
        view = memoryview(data)
        while view:
            written = os.write(self._descriptor, view)
            self.size += written
            self._archive.grew(written)
            view = view[written:]
        return len(data)

    def finish(self, facts: dict[str, Any]) -> None:
        """End a file that is whole; ``facts`` go into its sidecar."""
        self._close()
        self._archive.finished(self, facts)

    def cut_off(self) -> None:
        """End a file that has lost something; its sidecar tells what can be read back of it."""
        self._close()
        try:
            facts = describe_leftover(self.path)
        except OSError:  # its disk fails altogether; the next start looks again
            self._archive.finished(self, None)
            return
        if facts is None:
            self._archive.discarded(self)
        else:
            self._archive.finished(self, facts)

    def discard(self) -> None:
        """End a file that is worth nothing, and take it away."""
        self._close()
        self._archive.discarded(self)

    def _close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self._descriptor)


class Archive:
    """Keeps the whole folder, sidecars included, below ``max_bytes`` (0: no cap).

    ``headroom_bytes`` stay free for each file that is being written: what its container and encoder still hold.
    """

    def __init__(self, folder: Path, max_bytes: int, headroom_bytes: int, when_full: WhenFull) -> None:
        """Take the folder for this hub alone, until `close`.

        Raises:
            FolderTakenError: another hub has it.
            OSError: it cannot be made or read.
        """
        self.deleted = 0
        self._folder = folder
        self._max_bytes = max_bytes
        self._headroom_bytes = headroom_bytes + _SIDECAR_ROOM_BYTES
        self._when_full = when_full
        self._lock = threading.RLock()
        self._kept: list[_Kept] = []
        self._open: set[Path] = set()
        self._bytes = 0
        self._is_full_said = False
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder_lock = FolderLock(folder)
        for path in sorted(folder.glob(f"*/*/*{SUFFIX}")):
            try:
                self._adopt(path)
            except OSError as error:
                logger.warning("%s cannot be read and is left alone: %s", _shown(path), _reason(error))
        self._make_room()

    def close(self) -> None:
        """Leave the folder to other hubs; safe to call again."""
        self._folder_lock.release()

    @property
    def size_bytes(self) -> int:
        """Bytes of everything that was recorded into the folder."""
        return self._bytes

    @property
    def segment_count(self) -> int:
        """Recordings, those that are being written included."""
        return len(self._kept) + len(self._open)

    @property
    def is_full(self) -> bool:
        """Whether recording stops here: the cap is reached, and nothing may be deleted."""
        return self._when_full == "stop" and self._is_over()

    @property
    def is_crowded(self) -> bool:
        """Whether open files alone reach the cap: each should be ended, so that it can be deleted in its turn."""
        return self._when_full == "delete_oldest" and self._is_over()

    def open(self, participant_id: str, track_id: str, start_us: int) -> SegmentFile:
        """Start a file; its name tells ``start_us``. Raises OSError."""
        with self._lock:
            self._make_room()
            if not self._folder_lock.is_in_place:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._folder_lock.renew()
            owner = self._folder / folder_name(participant_id)
            folder = owner / folder_name(track_id)
            for each in (owner, folder):
                each.mkdir(exist_ok=True, mode=0o700)
            identity = owner / _IDENTITY_FILE
            if not identity.exists():
                _write_private(identity, participant_id.encode("utf-8", "surrogatepass"))
            while (path := folder / f"{start_us}{SUFFIX}").exists():
                start_us += 1  # a clock that was set back: the names still differ, and still sort
            file = SegmentFile(self, path, start_us)
            self._open.add(path)
            return file

    def grew(self, count: int) -> None:
        """Count bytes of an open file, and make room for them."""
        with self._lock:
            self._bytes += count
            self._make_room()

    def finished(self, file: SegmentFile, facts: dict[str, Any] | None) -> None:
        """A file is kept; without ``facts`` nobody knows yet what is in it."""
        with self._lock:
            self._open.discard(file.path)
            if not file.path.exists():  # deleted by hand
                self._bytes -= file.size
                return
            described = self._describe(file.path, facts | {"size_bytes": file.size}) if facts else 0
            self._bytes += described
            heapq.heappush(self._kept, _Kept(file.start_us, file.path, file.size + described))
            self._make_room()

    def discarded(self, file: SegmentFile) -> None:
        """A file is not worth keeping."""
        with self._lock:
            self._open.discard(file.path)
            self._delete(file.path, file.size)

    def _describe(self, path: Path, facts: dict[str, Any]) -> int:
        """Write the sidecar; returns its size."""
        try:
            return _write_sidecar(path, facts)
        except OSError as error:  # a full disk; the next start makes up for it
            logger.warning("no sidecar for %s: %s", _shown(path), _reason(error))
            return 0

    def _delete(self, path: Path, size: int) -> bool:
        """Take a recording away; what cannot be taken away goes on counting."""
        try:
            _unlink(path)
        except OSError as error:
            logger.warning("%s cannot be deleted: %s", _shown(path), _reason(error))
            return False
        self._bytes -= size
        return True

    def _is_over(self) -> bool:
        if not self._max_bytes:
            return False
        # Many cameras under a small cap: they share half of it rather than end their files at every picture.
        headroom = min(self._headroom_bytes * max(1, len(self._open)), self._max_bytes // 2)
        return self._bytes > self._max_bytes - headroom

    def _make_room(self) -> None:
        if self._when_full == "stop":
            self._say_full()
            return
        while self._is_over() and self._kept:
            oldest = heapq.heappop(self._kept)
            if not self._delete(oldest.path, oldest.size):
                continue
            self.deleted += 1
            level = logging.INFO if self.deleted == 1 else logging.DEBUG
            logger.log(level, "recordings reach max_total_bytes: the oldest are deleted (%s)", oldest.path.name)

    def _say_full(self) -> None:
        if self._is_over() and not self._is_full_said:
            self._is_full_said = True
            logger.error(
                "recording stops: %s holds %d bytes, as many as max_total_bytes allows; make room and start again, "
                "or set when_full: delete_oldest",
                self._folder,
                self._bytes,
            )

    def _adopt(self, path: Path) -> None:
        """Take over a file of an earlier run; one that was cut off gets the sidecar that it lacks.

        Raises:
            OSError: it cannot be read.
        """
        if not path.stem.isdecimal():
            return  # not ours
        if not path.with_suffix(_SIDECAR_SUFFIX).exists():
            facts = describe_leftover(path)
            if facts is None:
                logger.warning("%s was cut off before anything could be played; it is deleted", _shown(path))
                self._delete(path, 0)
                return
            self._describe(path, facts)
        size = _size_with_sidecar(path)
        self._bytes += size
        heapq.heappush(self._kept, _Kept(int(path.stem), path, size))


def _shown(path: Path) -> str:
    """How the log names a recording: its folders are called after people."""
    return personal(str(path), path.name)


def _reason(error: OSError) -> str:
    """What went wrong, without the path."""
    return error.strerror or type(error).__name__


def _size_with_sidecar(path: Path) -> int:
    sidecar = path.with_suffix(_SIDECAR_SUFFIX)
    return path.stat().st_size + (sidecar.stat().st_size if sidecar.exists() else 0)


def _write_sidecar(path: Path, facts: dict[str, Any]) -> int:
    """Write the sidecar as a whole or not at all; returns its size. Raises OSError."""
    target = path.with_suffix(_SIDECAR_SUFFIX)
    fresh = target.with_suffix(".new")
    text = json.dumps(facts).encode()
    try:
        _write_private(fresh, text)
        fresh.replace(target)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    return len(text)


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _unlink(path: Path) -> None:
    """Remove a recording, and the folders that held nothing else. Raises OSError; what is gone already is no error."""
    for each in (path, path.with_suffix(_SIDECAR_SUFFIX)):
        each.unlink(missing_ok=True)
    track, owner = path.parent, path.parent.parent
    with suppress(OSError):  # they hold more than that, or are gone already
        track.rmdir()
        if {each.name for each in owner.iterdir()} <= {_IDENTITY_FILE}:
            (owner / _IDENTITY_FILE).unlink(missing_ok=True)
            owner.rmdir()
