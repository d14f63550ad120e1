"""Makes a container image look like a program."""

import shlex
import shutil
from pathlib import Path

from xr_ai_launcher._setup.bench import Bench
from xr_ai_launcher._setup.errors import SourceUnavailable
from xr_ai_launcher._setup.files import is_program, write_atomically
from xr_ai_launcher._stack.plan import DockerSource

_NO_IMAGE = "No such image"
_START = "start Docker, for instance with `sudo systemctl start docker`"
# What the docker command says in several versions, and what helps.
_REPAIRS = {
    "cannot connect to the docker daemon": _START,
    "failed to connect to the docker api": _START,
    "permission denied": "this user may not use Docker: `sudo usermod -aG docker $USER`, then log in again",
    "proxyconnect": "Docker's own service needs the proxy: see its documentation on proxies for the daemon",
}


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
    if not _is_here(source, bench):
        _pull(source, bench)
    write_atomically(_wrapper_path(source), _wrapper(source).encode(), executable=True)
    return _wrapper_path(source)


def _is_here(source: DockerSource, bench: Bench) -> bool:
    try:
        _docker(bench, source, "image", "inspect", "--format", "{{.Id}}", source.image)
    except SourceUnavailable as error:
        if _NO_IMAGE in str(error):
            return False
        raise
    return True


def _pull(source: DockerSource, bench: Bench) -> None:
    for mirror in source.mirrors:
        bench.say(f"pulling {mirror}")
        try:
            _docker(bench, source, "pull", "--quiet", mirror)
            return _docker(bench, source, "tag", mirror, source.image)
        except SourceUnavailable as error:
            bench.say(f"mirror {mirror}: {error}")
    bench.say(f"pulling {source.image}")
    _docker(bench, source, "pull", "--quiet", source.image)


def _docker(bench: Bench, source: DockerSource, *arguments: str) -> None:
    """Run docker.

    Raises:
        SourceUnavailable: why it failed, and what to do where that is known.
    """
    source.to.mkdir(parents=True, exist_ok=True)
    result = bench.run(["docker", *arguments], cwd=source.to, env={})
    if result.code != 0:
        reason = result.tail[-1] if result.tail else f"docker {arguments[0]} ended with {result.code}"
        repair = next((repair for words, repair in _REPAIRS.items() if words in reason.lower()), "")
        raise SourceUnavailable("; ".join(filter(None, (reason, repair))))


def _wrapper_path(source: DockerSource) -> Path:
    name = source.image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    return source.to / f"{name}-docker"


def _wrapper(source: DockerSource) -> str:
    command = shlex.join(["docker", "run", "--rm", "--init", *source.run_args, source.image])
    return f'#!/bin/sh\nexec {command} "$@"\n'
