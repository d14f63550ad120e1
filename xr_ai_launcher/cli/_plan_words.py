"""A plan in words for people, and as plain data for programs; secrets are masked in both."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from xr_ai_config import ListNode, MapNode, Mark, Node, ScalarNode, format_path
from xr_ai_launcher._dataclasses import replace
from xr_ai_launcher._stack.load import LoadedStack
from xr_ai_launcher._stack.plan import BinaryStep, KindStep, ProbePlan, RolePlan, RunStep, SetupPlan, StackPlan
from xr_ai_launcher._stack.read import display_name
from xr_ai_launcher._stack.secret_names import MASK, sounds_secret

__all__ = ("plan_data", "plan_text", "values_text")

_INDENT = "  "


def plan_data(loaded: LoadedStack) -> dict[str, Any]:
    """Return the plan as JSON types; ``values`` says of every value what it is and where it was written."""
    values = {format_path(path): {"value": value, "where": str(mark)} for path, value, mark in _shown_values(loaded)}
    return {**_plain(_without_secrets(loaded.plan)), "values": values}


def plan_text(loaded: LoadedStack) -> Iterator[str]:
    """Yield the lines of a short overview."""
    plan = _without_secrets(loaded.plan)
    yield f"{plan.name}: {plan.description}" if plan.description else plan.name
    yield f"files    {', '.join(display_name(path) for path in loaded.files)}"
    yield f"profile  {plan.profile or 'none'}: {plan.profile_reason}"
    if plan.variables:
        yield "vars     " + ", ".join(f"{key} = {_first_line(value)}" for key, value in plan.variables.items())
    width = max((len(name) for name in (*(s.name for s in plan.setup), *(r.name for r in plan.roles))), default=0)
    shared = _shared_environment(plan.enabled_roles)
    if shared:
        yield "env      " + ", ".join(f"{key}={_first_line(value)}" for key, value in shared.items())
    if plan.metrics_port is not None:
        yield f"metrics  {f'port {plan.metrics_port}' if plan.metrics_port else 'any free port'}, for Prometheus"
    if plan.secrets:
        yield f"secrets  {', '.join(plan.secrets)}"
    if plan.setup:
        yield "\nsetup"
        for step in plan.setup:
            yield from _entry(step.name, width, _setup_lines(step), step.where)
    yield "\nroles"
    for role in plan.roles:
        yield from _entry(role.name, width, _role_lines(role, shared), role.where)
    yield from (f"\nwarning: {warning}" for warning in plan.warnings)


def values_text(loaded: LoadedStack) -> Iterator[str]:
    """Yield every value of the merged stack with the place that decided it."""
    lines = [(f"{format_path(path)} = {_first_line(value)}", str(mark)) for path, value, mark in _shown_values(loaded)]
    width = min(max((len(left) for left, _ in lines), default=0), 90)
    for left, where in lines:
        yield f"{left:<{width}}  # {where}"


def _entry(name: str, width: int, lines: list[str], where: str) -> Iterator[str]:
    first, *others = lines
    yield f"{_INDENT}{name:<{width}}  {first}"
    for line in others:
        yield f"{_INDENT}{'':<{width}}  {line}"
    yield f"{_INDENT}{'':<{width}}  at {where}"


def _role_lines(role: RolePlan, shared: Mapping[str, str]) -> list[str]:
    if not role.enabled:
        return [role.disabled_reason]
    facts = [
        "ports " + ", ".join(f"{key} {port}" for key, port in role.ports.items()) if role.ports else "",
        f"ready {_probe(role.ready)} within {role.ready_timeout_s:g} s" if role.ready else "",
        f"after {', '.join(role.after)}" if role.after else "",
        f"watchdog {role.watchdog_s:g} s" if role.watchdog_s else "",
        f"gpu {role.gpu}" if role.gpu is not None else "",
        "" if role.launch == "own" else role.launch,
        "" if role.on_exit == "fail" else f"on exit {role.on_exit}",
    ]
    needs = [f"needs {need.command}" + (f": {need.hint}" if need.hint else "") for need in role.requires]
    environment = [f"{key}={_first_line(value)}" for key, value in role.env.items() if key not in shared]
    return [line for line in (_command(role.argv), " · ".join(filter(None, facts)), *needs, *environment) if line]


def _shared_environment(roles: Sequence[RolePlan]) -> dict[str, str]:
    """Return the variables that every role gets alike."""
    first, *others = [dict(role.env) for role in roles] or [{}]
    return {key: value for key, value in first.items() if others and all(each.get(key) == value for each in others)}


def _setup_lines(step: SetupPlan) -> list[str]:
    if not step.enabled:
        return [step.disabled_reason]
    if isinstance(step.step, BinaryStep):
        kinds = [type(source).__name__.removesuffix("Source").lower() for source in step.step.sources]
        exported = f" as {step.export}" if step.export else ""
        return [f"find a program{exported}: {', then '.join(kinds)}"]
    if isinstance(step.step, KindStep):
        exported = f" as {step.export}" if step.export else ""
        settings = json.loads(step.step.settings).items()
        return [f"{step.step.kind}{exported}: {', '.join(f'{key} {_first_line(value)}' for key, value in settings)}"]
    return [f"run {_command(step.step.argv)} in {display_name(step.step.cwd)}"]


def _probe(probe: ProbePlan) -> str:
    kind = type(probe).__name__.removesuffix("Probe").lower()
    facts = [str(getattr(probe, field.name)) for field in dataclasses.fields(probe)][:2]
    return f"{kind} {' '.join(fact for fact in facts if fact not in ('', '()'))}".rstrip()


def _command(argv: tuple[str, ...]) -> str:
    """The command as a person would type it: no newlines, paths as seen from here."""
    words = [display_name(Path(word)) if Path(word).is_absolute() else word for word in argv]
    return " ".join(_first_line(word) for word in words) or "(no command)"


def _first_line(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) or value is None else str(value)
    first, newline, _ = text.partition("\n")
    return f"{first} …" if newline else first


def _leaves(node: Node, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], ScalarNode]]:
    match node:
        case MapNode():
            for key, value in node.items.items():
                yield from _leaves(value, (*path, key))
        case ListNode():
            for index, item in enumerate(node.items):
                yield from _leaves(item, (*path, index))
        case ScalarNode():
            yield path, node


def _shown_values(loaded: LoadedStack) -> Iterator[tuple[tuple[str | int, ...], Any, Mark]]:
    for path, node in _leaves(loaded.places.tree):
        yield path, _masked(str(path[-1]), node.value, loaded.plan), node.mark


def _without_secrets(plan: StackPlan) -> StackPlan:
    def hidden(variables: Mapping[str, str]) -> dict[str, str]:
        return {name: _masked(name, value, plan) for name, value in variables.items()}

    def without(step: SetupPlan) -> SetupPlan:
        match step.step:
            case RunStep() as command:
                return replace(step, step=replace(command, env=hidden(command.env)))
            case KindStep() as further:
                settings = json.dumps(_masked_inside(json.loads(further.settings), plan), ensure_ascii=False)
                return replace(step, step=replace(further, settings=settings))
        return step

    steps = tuple(map(without, plan.setup))
    roles = tuple(replace(role, env=hidden(role.env)) for role in plan.roles)
    return replace(plan, roles=roles, setup=steps, variables=hidden(plan.variables))


def _masked(name: str, value: Any, plan: StackPlan) -> Any:
    is_secret = name in plan.secrets or sounds_secret(name)
    return MASK if is_secret and value and not isinstance(value, bool) else value


def _masked_inside(value: Any, plan: StackPlan) -> Any:
    if isinstance(value, dict):
        return {key: _masked(key, _masked_inside(each, plan), plan) for key, each in value.items()}
    return [_masked_inside(each, plan) for each in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, KindStep):
        return {"kind": value.kind, "settings": json.loads(value.settings), "creates": _plain(value.creates)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        kind = type(value).__name__
        return {"kind": re.sub(r"(?:Probe|Source|Step)$", "", kind).lower(), **fields} if _is_variant(kind) else fields
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _is_variant(class_name: str) -> bool:
    """Whether a class is one of several that may stand at its place, so that its kind must be said."""
    return class_name.endswith(("Probe", "Source", "Step"))
