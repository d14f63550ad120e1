"""Decides whether a ``run`` step is up to date: what it creates is there, and its inputs are those it was made from."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from xr_ai_launcher._setup.files import write_atomically
from xr_ai_launcher._stack.plan import RunStep

_CHUNK_BYTES = 1 << 20


def fingerprint(step: RunStep) -> str:
    """Return a digest of the command, its environment, and the names, contents and executable bits of its inputs."""
    digest = hashlib.sha256(json.dumps([step.argv, sorted(step.env.items())]).encode())
    for path in _files(step.inputs):
        digest.update(f"\0{os.path.relpath(path, step.cwd)}\0".encode(errors="surrogateescape"))
        digest.update(_content_digest(path))
    return digest.hexdigest()


def is_current(step: RunStep, state: Path) -> bool:
    """Whether there is nothing to do. A step that neither creates nor reads anything always has something to do."""
    if not step.creates and not step.inputs:
        return False
    if not all(path.exists() for path in step.creates):
        return False
    try:
        return stamp_path(step, state).read_text() == fingerprint(step)
    except OSError:
        return False


def record(step: RunStep, state: Path, made_from: str) -> None:
    """Remember what the step's results were made from."""
    write_atomically(stamp_path(step, state), made_from.encode())


def stamp_path(step: RunStep, state: Path) -> Path:
    """Return where the fingerprint is kept: with the results, so that it disappears with them."""
    if not step.creates:
        identity = json.dumps([str(step.cwd), step.argv]).encode()
        return state / "setup" / f"{hashlib.sha256(identity).hexdigest()[:16]}.stamp"
    result = step.creates[0]
    return result / ".xrstack-stamp" if result.is_dir() else result.with_name(f".{result.name}.xrstack-stamp")


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in sorted(paths):
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders.sort()
                yield from (Path(folder, name) for name in sorted(names))
        else:
            yield path


def _content_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256(b"x" if os.access(path, os.X_OK) else b"-")
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
            return digest.digest()
    except OSError:
        return b"missing"
