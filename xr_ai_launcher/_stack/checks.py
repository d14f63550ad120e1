"""What a schema cannot know: files, commands, ports, the order of roles. Every check collects, none stops another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xr_ai_config import Problem, did_you_mean, format_path, one_of, similar_file
from xr_ai_launcher._stack.free_ports import PortClaim, claimed_ports
from xr_ai_launcher._stack.load import LoadedStack
from xr_ai_launcher._stack.places import Places
from xr_ai_launcher._stack.plan import Requirement, RolePlan, RunStep, StackPlan
from xr_ai_launcher._stack.surroundings import Surroundings
from xr_ai_launcher._stack.unknown_command import unknown_command

__all__ = ("Findings", "check_stack")


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong: with the stack itself, and with what is installed on this machine."""

    problems: tuple[Problem, ...] = ()
    missing: tuple[Problem, ...] = ()


def check_stack(loaded: LoadedStack) -> Findings:
    """Check the enabled parts of a plan; starts nothing and changes nothing."""
    plan, places = loaded.plan, loaded.places
    problems = [
        *_order_problems("roles", {role.name: role.after for role in plan.roles}, "after", places),
        *_order_problems("setup", {step.name: step.needs for step in plan.setup}, "needs", places),
        *_shared_ports(plan, places),
        *_missing_paths(loaded),
        *_reuse_without_probe(plan.enabled_roles, places),
        *_unexported_references(plan, places),
    ]
    return Findings(tuple(problems), (*_missing_programs(loaded), *_missing_secrets(loaded)))


def _order_problems(section: str, order: Mapping[str, Sequence[str]], key: str, places: Places) -> Iterator[Problem]:
    for name, others in order.items():
        for index, other in enumerate(others):
            if other not in order:
                hint = did_you_mean(other, order) or f"known: {one_of(order)}"
                yield places.problem(f"`{other}` is not in {section}", section, name, key, index, hint=hint)
    circle = find_circle(order)
    if circle:
        text = " → ".join(circle)
        yield places.problem(f"these wait for each other in a circle: {text}", section, circle[0], key)


def find_circle(order: Mapping[str, Sequence[str]]) -> list[str]:
    """Return names that depend on each other in a circle, first name repeated at the end, or []."""
    done: set[str] = set()
    trail: list[str] = []

    def visit(name: str) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        trail.append(name)
        for other in order.get(name, ()):
            circle = visit(other)
            if circle:
                return circle
        trail.pop()
        done.add(name)
        return []

    return next((circle for circle in map(visit, order) if circle), [])


def _shared_ports(plan: StackPlan, places: Places) -> Iterator[Problem]:
    claims: dict[int, PortClaim] = {}
    for claim in claimed_ports(plan):
        first = claims.setdefault(claim.port, claim)
        if first is not claim:
            where = places.mark(*first.path)
            message = f"port {claim.port} is used twice: {first.owner} has it at {where}"
            yield places.problem(message, *claim.path, hint="give one of them another port")


def _missing_paths(loaded: LoadedStack) -> Iterator[Problem]:
    made = _made_by_setup(loaded.plan)
    for role in loaded.plan.enabled_roles:
        at = ("roles", role.name)
        yield from _missing_path(Path(role.cwd), "folder", loaded, (*at, "dir"), made)
        for key, kind in (("config", "file"), ("project", "folder")):
            value = loaded.places.value(*at, key)
            if isinstance(value, str):
                path = loaded.places.file_path(value, *at, key)
                yield from _missing_path(path, kind, loaded, (*at, key), made)
    for step in loaded.plan.enabled_setup:
        if isinstance(step.step, RunStep):
            yield from _missing_path(step.step.cwd, "folder", loaded, ("setup", step.name, "dir"), made)
            for index, path in enumerate(step.step.inputs):
                yield from _missing_path(path, "path", loaded, ("setup", step.name, "inputs", index), made)


def _missing_path(
    path: Path, kind: str, loaded: LoadedStack, at: tuple[str | int, ...], made: Sequence[Path]
) -> Iterator[Problem]:
    if any(path.is_relative_to(each) for each in made) or loaded.surroundings.exists(path, kind):
        return
    hint = "write ${env.NAME} for $NAME: it is not replaced here" if "$" in str(path) else similar_file(path)
    yield loaded.places.problem(f"no such {kind}: {path}", *at, hint=hint)


def _made_by_setup(plan: StackPlan) -> list[Path]:
    return [path for step in plan.enabled_setup for path in getattr(step.step, "creates", ())]


def _reuse_without_probe(roles: Sequence[RolePlan], places: Places) -> Iterator[Problem]:
    for role in roles:
        if role.launch == "reuse" and role.ready is None:
            message = f"{role.name} is to be reused, but nothing says how to see that it runs"
            yield places.problem(message, "roles", role.name, hint="add `ready: {http: …}` or `{tcp: …}`")


def _unexported_references(plan: StackPlan, places: Places) -> Iterator[Problem]:
    silent = {f"${{setup.{step.name}}}": step for step in plan.setup if step.export is None}
    for role in plan.enabled_roles:
        for reference, step in silent.items():
            if any(reference in text for text in (*role.argv, *role.env.values())):
                message = f"`{reference}` has no value: the step exports nothing"
                yield places.problem(message, "roles", role.name, hint=f"add `export:` to setup.{step.name}")


def _missing_programs(loaded: LoadedStack) -> Iterator[Problem]:
    made, look_for = _made_by_setup(loaded.plan), loaded.surroundings.find_program
    broken = {problem.key_path for problem in loaded.problems}
    wanted: dict[Requirement, list[str]] = {}
    for role in loaded.plan.enabled_roles:
        if role.launch == "reuse":
            continue
        absent = [need for need in role.requires if look_for(need.command, role.cwd) is None]
        for need in absent:
            wanted.setdefault(need, []).append(role.name)
        is_broken = f"roles.{role.name}.command" in broken
        if not absent and role.argv and not is_broken and not _is_startable(role, made, loaded.surroundings):
            yield unknown_command(role, loaded.places)
    for need, names in wanted.items():
        yield _absent_requirement(need, names, loaded.places)


def _absent_requirement(need: Requirement, names: Sequence[str], places: Places) -> Problem:
    """One problem for all roles that share a requirement."""
    at = ("roles", names[0], "requires", need.command)
    needing = f"{', '.join(names)} need{'s' if len(names) == 1 else ''}"
    hint = f": {need.hint}" if need.hint else ""
    message = f"{needing} `{need.command}`, which is not installed here{hint}"
    return Problem(message, places.key_mark(*at), format_path(at[:3]))


def _missing_secrets(loaded: LoadedStack) -> Iterator[Problem]:
    roles = loaded.plan.enabled_roles
    yield from _unset_secrets(loaded, ("secrets",), roles)
    for role in roles:
        yield from _unset_secrets(loaded, ("roles", role.name, "secrets"), (role,))


def _unset_secrets(loaded: LoadedStack, at: tuple[str | int, ...], roles: Sequence[RolePlan]) -> Iterator[Problem]:
    wanted = loaded.places.value(*at) or ()
    for index, name in enumerate(wanted):
        lacking = [role.name for role in roles if not role.env.get(name)]
        if lacking and not loaded.surroundings.has_variable(name):
            source = f": {wanted[name]}" if isinstance(wanted, dict) else ""
            verb = "needs" if len(lacking) == 1 else "need"
            message = f"the secret {name} is not set, which {', '.join(lacking)} {verb}{source}"
            hint = f"export {name}=… before the start, or put {name}=… into an `env_file` that is not shared"
            place = (*at, name if isinstance(wanted, dict) else index)
            yield Problem(message, loaded.places.key_mark(*place), format_path(place), hint=hint)


def _is_startable(role: RolePlan, made: Sequence[Path], surroundings: Surroundings) -> bool:
    program = role.argv[0]
    path = Path(role.cwd, program)
    is_awaited = program.startswith("${setup.") or any(path.is_relative_to(each) for each in made)
    return is_awaited or surroundings.find_program(program, role.cwd, role.env.get("PATH")) is not None
