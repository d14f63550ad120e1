"""From a stack file to a plan: read, choose the profile, merge, replace references, validate, resolve."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from xr_ai_config import ConfigError, MapNode, Mark, Node, Problem, locate, validate
from xr_ai_launcher._hardware import GpuReport, read_gpus
from xr_ai_launcher._stack.broken import without_consequences, without_places
from xr_ai_launcher._stack.explanations import explained
from xr_ai_launcher._stack.further_steps import separate_kinds
from xr_ai_launcher._stack.merge import pick, without
from xr_ai_launcher._stack.model import ProfileModel, StackModel
from xr_ai_launcher._stack.oddities import oddities
from xr_ai_launcher._stack.options import StackOptions
from xr_ai_launcher._stack.places import Places
from xr_ai_launcher._stack.plan import KindStep, StackPlan
from xr_ai_launcher._stack.profiles import Choice, choose_profile
from xr_ai_launcher._stack.read import Layers, read_layers
from xr_ai_launcher._stack.references import Resolution, resolve_references
from xr_ai_launcher._stack.resolve import Resolver
from xr_ai_launcher._stack.select import select_roles
from xr_ai_launcher._stack.shell_syntax import shell_syntax
from xr_ai_launcher._stack.surroundings import Surroundings

__all__ = ("LoadedStack", "StackOptions", "load")

_Validated = tuple[Resolution, StackModel, dict[str, list[KindStep]]]
"""A stack without references, its model, and its setup steps of further kinds."""
_OVERLAY_KEYS = frozenset({"vars", "env", "env_file", "secrets", "logs", "metrics", "mirrors", "setup", "roles"})
_FILE_KEYS = frozenset({"include", "profiles"})


@dataclass(frozen=True, slots=True)
class LoadedStack:
    """A plan with where its values come from, and which role mentions which."""

    plan: StackPlan
    places: Places
    files: tuple[Path, ...]
    uses: frozenset[tuple[str, str]]
    surroundings: Surroundings
    problems: tuple[Problem, ...] = ()
    """What is wrong with the files; the plan is then the stack without the broken parts, good for checks only."""


def load(
    path: Path, options: StackOptions | None = None, *, read_report: Callable[[], GpuReport] = read_gpus
) -> LoadedStack:
    """Read ``path`` and everything it includes into a plan, with a list of what is wrong.

    Raises:
        ConfigError: so much is wrong that there is no plan to look at.
    """
    try:
        loaded = _load(path, options or StackOptions(), read_report)
    except ConfigError as error:
        raise ConfigError(explained(error.problems)) from None
    return replace(loaded, problems=tuple(explained(loaded.problems)))


def _load(path: Path, options: StackOptions, read_report: Callable[[], GpuReport]) -> LoadedStack:
    surroundings = Surroundings(read_report=read_report)
    layers = read_layers(path, options.overlays, options.assignments, surroundings)
    checker = _Checker(layers, surroundings, list(layers.problems))
    profiles = checker.profiles()
    choice = Choice(None, "") if profiles is None else checker.choose(profiles, options.profile)
    for name in checker.profile_names():
        if name != choice.name:
            checker.check_other(name)
    resolution, model, further_steps = checker.chosen(choice)
    places = Places(resolution.tree)
    resolver = Resolver(model, places, layers.files[0], surroundings, further_steps)
    plan = resolver.resolve(choice.name, choice.reason, resolution.variables)
    plan, unknown = select_roles(plan, options.only, options.without)
    plan = replace(plan, warnings=(*plan.warnings, *oddities(plan, places)))
    problems = without_consequences([*checker.problems, *resolver.problems, *unknown], layers.problems)
    return LoadedStack(plan, places, tuple(layers.files), resolution.uses, surroundings, tuple(problems))


@dataclass(slots=True)
class _Checker:
    """Validates a stack with each of its profiles; nothing is reported before all of it was seen."""

    layers: Layers
    surroundings: Surroundings
    problems: list[Problem] = field(default_factory=list)

    def profile_names(self) -> list[str]:
        """Return the names of all profiles, whether they are right or not."""
        located = locate(self.layers.merged(), ("profiles",))
        return list(located.node.items) if located.path and isinstance(located.node, MapNode) else []

    def profiles(self) -> Mapping[str, ProfileModel] | None:
        """Return the profiles with their rules, None when these are wrong; what they lay over the stack comes later."""
        tree = pick(self.layers.merged(), _FILE_KEYS)
        located = locate(tree, ("profiles",))
        if isinstance(tree, MapNode) and located.path and isinstance(located.node, MapNode):
            rules: dict[str, Node] = {key: without(node, _OVERLAY_KEYS) for key, node in located.node.items.items()}
            tree = replace(tree, items={**tree.items, "profiles": replace(located.node, items=rules)})
        try:
            return validate(tree, StackModel, folder=Path.cwd()).profiles
        except ConfigError as error:
            self.problems.extend(error.problems)
            return None

    def choose(self, profiles: Mapping[str, ProfileModel], requested: str | None) -> Choice:
        """Return the profile to use; one that cannot be chosen is a problem like any other."""
        mark = Places(self.layers.merged()).key_mark("profiles")
        try:
            return choose_profile(profiles, requested, self.surroundings.report, mark)
        except ConfigError as error:
            self.problems.extend(error.problems)
            return Choice(None, "")

    def check_other(self, name: str) -> None:
        """Validate the stack with a profile that is not chosen; variables of the environment need not be set for it."""
        self.problems += shell_syntax(self._tree(name))
        try:
            self._validated(name, _AnyEnvironment())
        except ConfigError as error:
            self.problems.extend(error.problems)

    def chosen(self, choice: Choice) -> _Validated:
        """Return the resolved stack with the chosen profile; what is broken in it is a problem and left out.

        Raises:
            ConfigError: everything found so far, when what is left makes no stack.
        """
        self.problems += shell_syntax(self._tree(choice.name))
        try:
            validated = self._validated(choice.name, self.surroundings)
        except ConfigError as error:
            self.problems.extend(error.problems)
            try:
                validated = self._validated(
                    choice.name, self.surroundings, broken=frozenset(p.mark for p in error.problems)
                )
            except ConfigError:
                raise ConfigError(self.problems) from None
        resolution, model, _ = validated
        if model.stack is None and not any(problem.key_path == "stack" for problem in self.problems):
            self.problems.append(Problem("required key is missing", Places(resolution.tree).mark(), "stack"))
        return validated

    def _tree(self, profile: str | None) -> Node:
        base = self.layers.merged()
        if profile is None:
            return without(base, _FILE_KEYS)
        overlay = pick(locate(base, ("profiles", profile)).node, _OVERLAY_KEYS)
        return without(self.layers.merged(overlay), _FILE_KEYS)

    def _validated(
        self,
        profile: str | None,
        environment: Mapping[str, str],
        broken: frozenset[Mark | None] = frozenset(),
    ) -> _Validated:
        tree = without_places(self._tree(profile), broken)
        resolution = resolve_references(tree, profile, environment)
        further = separate_kinds(resolution.tree, self.surroundings)
        problems = [*resolution.problems, *further.problems]
        model = validate(further.tree, StackModel, folder=Path.cwd(), problems=problems)
        return resolution, model, further.steps


class _AnyEnvironment(Mapping[str, str]):
    """An environment in which every variable is set, to something that is a number and a text."""

    def __getitem__(self, name: str) -> str:
        return "1"

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
