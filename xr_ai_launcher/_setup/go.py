"""Builds a program with ``go install``."""

import json
import shutil
from pathlib import Path

from xr_ai_launcher._setup.bench import Bench
from xr_ai_launcher._setup.errors import SourceUnavailable
from xr_ai_launcher._setup.files import is_program, put_in_place, write_atomically
from xr_ai_launcher._stack.plan import GoSource

_NETWORK_TROUBLE = ("dial tcp", "proxyconnect", "i/o timeout", "no such host")


def cached(source: GoSource) -> Path:
    """Return the program that an earlier build left.

    Raises:
        SourceUnavailable: there is none, or it is of another version.
    """
    if not is_program(source.result):
        raise SourceUnavailable(f"{source.result} is not built yet")
    built = _read_version(source)
    if built is not None and built != source.version:
        raise SourceUnavailable(f"{source.result} is version {built}, wanted is {source.version}")
    return source.result


def install(source: GoSource, bench: Bench) -> Path:
    """Build the program and return its path.

    Raises:
        SourceUnavailable: there is no Go here, or the build failed.
    """
    go = shutil.which("go", path=bench.environment.get("PATH"))
    if go is None:
        raise SourceUnavailable("go is not installed")
    workshop = source.to / f".{source.result.name}.go"
    shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir(parents=True)
    bench.say(f"building {source.package}@{source.version} with go; the first time takes minutes")
    try:
        target = f"{source.package}@{source.version}"
        result = bench.run([go, "install", target], cwd=workshop, env={"GOBIN": str(workshop)})
        if result.code != 0:
            reason = f": {result.tail[-1]}" if result.tail else ""
            raise SourceUnavailable(
                f"go install ended with {result.code}{reason}{_advice(reason)} (log: {result.log_path})"
            )
        put_in_place(workshop / source.result.name, source.result, executable=True)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    write_atomically(_version_path(source), json.dumps(source.version).encode())
    return source.result


def _advice(reason: str) -> str:
    is_network = any(words in reason for words in _NETWORK_TROUBLE)
    return "; if this network needs a proxy or a mirror, set HTTPS_PROXY or GOPROXY" if is_network else ""


def _version_path(source: GoSource) -> Path:
    return source.to / f".{source.result.name}.go-version.json"


def _read_version(source: GoSource) -> str | None:
    try:
        return str(json.loads(_version_path(source).read_text()))
    except (OSError, ValueError):
        return None
