"""Turns the `setup` section's models into plans."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from xr_ai_config import Problem
from xr_ai_launcher._stack import plan
from xr_ai_launcher._stack.mirrors import Mirrors
from xr_ai_launcher._stack.model import SetupModel, SourceModel
from xr_ai_launcher._stack.places import Places
from xr_ai_launcher._stack.requirements import requirements
from xr_ai_launcher._stack.surroundings import Surroundings
from xr_ai_launcher._stack.values import env_text

__all__ = ("resolve_setup",)

_KINDS = ("run", "binary")
_ONLY_WITH_RUN = frozenset({"dir", "env", "inputs", "creates"})

_At = tuple[str | int, ...]


def resolve_setup(
    name: str,
    step: SetupModel,
    further: Sequence[plan.KindStep],
    mirrors: Mirrors,
    places: Places,
    surroundings: Surroundings,
    problems: list[Problem],
) -> plan.SetupPlan:
    """Return the plan of one step; what cannot work is added to ``problems``.

    ``further`` is what the step says of kinds that packages bring.
    """
    at = ("setup", name)
    problems += _contradictions(name, step, further, places)
    if further:
        work: plan.RunStep | plan.BinaryStep | plan.KindStep = further[0]
    elif step.binary is not None:
        work = _binary_step(step, mirrors, places, at)
    else:
        work = _run_step(step, places, surroundings, at)
    return plan.SetupPlan(
        name=name,
        description=step.description,
        step=work,
        export=step.export,
        needs=tuple(step.needs),
        requires=requirements(step.requires, places, (*at, "requires")),
        enabled=step.enabled,
        disabled_reason="" if step.enabled else places.switched_off(*at),
        where=str(places.key_mark(*at)),
    )


def _contradictions(name: str, step: SetupModel, further: Sequence[plan.KindStep], places: Places) -> Iterator[Problem]:
    """Yield what the step says that cannot be meant together."""
    at = ("setup", name)
    kinds = [*(key for key in _KINDS if key in step.model_fields_set), *(each.kind for each in further)]
    if len(kinds) != 1:
        hint = "`run: command` runs something, `binary: [sources]` finds or fetches a program"
        found = f"found {' and '.join(kinds)}; " if kinds else ""
        message = f"the setup step {name} needs exactly one of {', '.join(_KINDS)}"
        yield places.problem(message, *at, hint=found + hint)
    elif kinds[0] != "run":
        for key in sorted(_ONLY_WITH_RUN & step.model_fields_set):
            yield places.problem(f"`{key}` belongs to a `run` step; this one is a `{kinds[0]}` step", *at, key)
    elif step.export is not None:
        yield places.problem("a `run` step has nothing to export; a `binary` step has a program", *at, "export")


def _run_step(step: SetupModel, places: Places, surroundings: Surroundings, at: _At) -> plan.RunStep:
    cwd = places.file_path(step.dir or ".", *at, "dir")
    words = list(step.run or ())
    if words:
        words[0] = surroundings.find_program(words[0], cwd) or words[0]
    creates = [step.creates] if isinstance(step.creates, str) else step.creates
    return plan.RunStep(
        argv=tuple(words),
        cwd=cwd,
        env={key: env_text(value) for key, value in step.env.items()},
        inputs=tuple(cwd / name for name in step.inputs),
        creates=tuple(places.file_path(name, *at, "creates") for name in creates),
    )


def _binary_step(step: SetupModel, mirrors: Mirrors, places: Places, at: _At) -> plan.BinaryStep:
    sources = step.binary or ()
    return plan.BinaryStep(tuple(_source(each, mirrors, places, (*at, "binary", n)) for n, each in enumerate(sources)))


def _source(source: SourceModel, mirrors: Mirrors, places: Places, at: _At) -> plan.BinarySource:
    where = str(places.mark(*at))

    def path(text: str, *key: str) -> Path:
        return places.file_path(text, *at, *key)

    if source.env is not None:
        return plan.EnvSource(source.env, where)
    if source.path is not None:
        return plan.PathSource(source.path, where)
    if source.file is not None:
        return plan.FileSource(path(source.file, "file"), where)
    if source.yaml is not None:
        return plan.YamlSource(path(source.yaml.file, "yaml", "file"), source.yaml.key, where)
    if source.download is not None:
        wanted = source.download
        return plan.DownloadSource(
            url=wanted.url,
            to=path(wanted.to, "download", "to"),
            sha256=wanted.sha256,
            member=wanted.member,
            executable=wanted.executable,
            platform=wanted.platform,
            mirrors=mirrors.of(wanted.url),
            where=where,
        )
    if source.go is not None:
        return plan.GoSource(source.go.package, source.go.version, path(source.go.to, "go", "to"), where)
    assert source.docker is not None, "a source has exactly one kind; its model checks that"
    docker = source.docker
    to, elsewhere = path(docker.to, "docker", "to"), mirrors.of(docker.image)
    return plan.DockerSource(docker.image, to, tuple(docker.run_args), elsewhere, where)
