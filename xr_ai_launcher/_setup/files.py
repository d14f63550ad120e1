"""Files that are whole or not there, whatever happens while they are written."""

import hashlib
import os
from pathlib import Path

_CHUNK_BYTES = 1 << 20
_EXECUTABLE_BITS = 0o111


def write_atomically(path: Path, data: bytes, *, executable: bool = False) -> None:
    """Write a file so that nobody ever sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    put_in_place(partial, path, executable=executable)


def put_in_place(partial: Path, path: Path, *, executable: bool) -> None:
    """Make a complete file appear under its name, its executable bit set before that and not after."""
    if executable:
        partial.chmod(partial.stat().st_mode | _EXECUTABLE_BITS)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def sha256_of(path: Path) -> str:
    """Return the file's checksum in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def is_program(path: Path) -> bool:
    """Whether this is a file that may be executed."""
    return path.is_file() and os.access(path, os.X_OK)
