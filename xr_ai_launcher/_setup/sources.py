"""Finds programs: first whatever is here already, then the sources that have to fetch something, in order."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from xr_ai_launcher._setup import docker, download, go
from xr_ai_launcher._setup.bench import Bench
from xr_ai_launcher._setup.errors import SetupError, SourceUnavailable
from xr_ai_launcher._setup.files import is_program
from xr_ai_launcher._stack.plan import (
    BinarySource,
    BinaryStep,
    DockerSource,
    DownloadSource,
    EnvSource,
    FileSource,
    GoSource,
    PathSource,
    YamlSource,
)


def find(step: BinaryStep, environment: Mapping[str, str]) -> Path | None:
    """Return the program if any source has it without fetching anything."""
    for source in step.sources:
        try:
            return look(source, environment)
        except SourceUnavailable:
            continue
    return None


def obtain(step: BinaryStep, bench: Bench) -> Path:
    """Return the program, fetched if need be.

    Raises:
        SetupError: no source works; the message has the reason of each.
    """
    found = find(step, bench.environment)
    if found is not None:
        return found
    reasons = []
    for source in step.sources:
        try:
            return _fetch(source, bench)
        except SourceUnavailable as error:
            reasons.append(f"{describe(source)}: {error}")
            bench.say(reasons[-1])
    raise SetupError("no source works:" + "".join(f"\n  - {reason}" for reason in reasons))


def look(source: BinarySource, environment: Mapping[str, str]) -> Path:
    """Return the program if this source has it here and now.

    Raises:
        SourceUnavailable: why it has not.
    """
    match source:
        case EnvSource(variable=variable):
            if not environment.get(variable):
                raise SourceUnavailable("the variable is not set")
            return _checked(Path(environment[variable]).expanduser())
        case PathSource(command=command):
            hit = shutil.which(command, path=environment.get("PATH", os.defpath))
            if hit is None:
                raise SourceUnavailable("no such program on PATH")
            return Path(hit).absolute()
        case FileSource(path=path):
            return _checked(path)
        case YamlSource():
            return _checked(_path_in_yaml(source))
        case DownloadSource():
            return download.cached(source)
        case GoSource():
            return go.cached(source)
        case DockerSource():
            return docker.cached(source)


def describe(source: BinarySource) -> str:
    """Return what people call the source."""
    match source:
        case EnvSource():
            return f"${source.variable}"
        case PathSource():
            return f"{source.command} on PATH"
        case FileSource():
            return str(source.path)
        case YamlSource():
            return f"{source.key} in {source.file}"
        case DownloadSource():
            return f"download of {source.url}"
        case GoSource():
            return f"go install {source.package}@{source.version}"
        case DockerSource():
            return f"docker image {source.image}"


def _fetch(source: BinarySource, bench: Bench) -> Path:
    match source:
        case DownloadSource():
            return download.fetch(source, bench)
        case GoSource():
            return go.install(source, bench)
        case DockerSource():
            return docker.install(source, bench)
        case _:
            return look(source, bench.environment)


def _checked(path: Path) -> Path:
    if not path.exists():
        raise SourceUnavailable(f"{path} does not exist")
    if not is_program(path):
        raise SourceUnavailable(f"{path} is not an executable file")
    return path.absolute()


def _path_in_yaml(source: YamlSource) -> Path:
    import yaml

    try:
        value = yaml.safe_load(source.file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceUnavailable(f"{source.file}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SourceUnavailable(f"{source.file} is not YAML: {' '.join(str(error).split())}") from error
    for key in source.key.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if not value or not isinstance(value, str):
        raise SourceUnavailable("the key is not there, or empty")
    return source.file.parent / Path(value).expanduser()
