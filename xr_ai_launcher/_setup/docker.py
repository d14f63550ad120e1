"""Makes a container image look like a program."""

import shlex
import shutil
from pathlib import Path

from xr_ai_launcher._setup.bench import Bench
from xr_ai_launcher._setup.errors import SourceUnavailable
from xr_ai_launcher._setup.files import is_program, write_atomically
from xr_ai_launcher._stack.plan import DockerSource


def cached(source: DockerSource) -> Path:
    """Return the wrapper of an image that was pulled before.

    Raises:
        SourceUnavailable: there is none for this image.
    """
    path = _wrapper_path(source)
    if not is_program(path) or path.read_text() != _wrapper(source):
        raise SourceUnavailable(f"{path} is not there yet")
    return path


def install(source: DockerSource, bench: Bench) -> Path:
    """Pull the image if it is not here and write the wrapper.

    Raises:
        SourceUnavailable: there is no Docker, it does not answer, or it cannot get the image.
    """
    if shutil.which("docker", path=bench.environment.get("PATH")) is None:
        raise SourceUnavailable("docker is not installed")
    if _docker(bench, source, "image", "inspect", "--format", "{{.Id}}", source.image) is not None:
        bench.say(f"pulling {source.image}")
        reason = _docker(bench, source, "pull", "--quiet", source.image)
        if reason is not None:
            raise SourceUnavailable(reason)
    write_atomically(_wrapper_path(source), _wrapper(source).encode(), executable=True)
    return _wrapper_path(source)


def _docker(bench: Bench, source: DockerSource, *arguments: str) -> str | None:
    """Run docker and return why it failed, None when it did not."""
    source.to.mkdir(parents=True, exist_ok=True)
    result = bench.run(["docker", *arguments], cwd=source.to, env={})
    if result.code == 0:
        return None
    return result.tail[-1] if result.tail else f"docker {arguments[0]} ended with {result.code}"


def _wrapper_path(source: DockerSource) -> Path:
    name = source.image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    return source.to / f"{name}-docker"


def _wrapper(source: DockerSource) -> str:
    command = shlex.join(["docker", "run", "--rm", "--init", *source.run_args, source.image])
    return f'#!/bin/sh\nexec {command} "$@"\n'
