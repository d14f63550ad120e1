"""Turns the checked model of a merged stack into a plan: absolute paths, full environments, commands found."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xr_ai_config import Problem
from xr_ai_launcher._hardware import pin_environment, twins
from xr_ai_launcher._stack import plan
from xr_ai_launcher._stack.env_file import EnvFileError, read_env_file
from xr_ai_launcher._stack.mirrors import find_mirrors
from xr_ai_launcher._stack.model import RoleModel, StackModel
from xr_ai_launcher._stack.places import Places
from xr_ai_launcher._stack.probes import resolve_probe
from xr_ai_launcher._stack.requirements import requirements
from xr_ai_launcher._stack.setup_steps import resolve_setup
from xr_ai_launcher._stack.surroundings import Surroundings
from xr_ai_launcher._stack.values import EnvValue, env_text

__all__ = ("Resolver",)


@dataclass(slots=True)
class Resolver:
    """Builds the plan of one stack; what is wrong collects in ``problems``, what is only odd in ``warnings``."""

    model: StackModel
    places: Places
    source: Path
    surroundings: Surroundings
    further_steps: Mapping[str, Sequence[plan.KindStep]]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def resolve(self, profile: str | None, reason: str, variables: Mapping[str, str]) -> plan.StackPlan:
        """Return the plan; meaningless when ``problems`` is not empty afterwards."""
        shared_env = self._environment((), self.model.env_file, self.model.env)
        roles = tuple(self._role(name, role, shared_env) for name, role in self.model.roles.items())
        mirrors = find_mirrors(self.model.mirrors, self.places, self.surroundings, self.problems)
        setup = tuple(
            resolve_setup(
                name, step, self.further_steps.get(name, ()), mirrors, self.places, self.surroundings, self.problems
            )
            for name, step in self.model.setup.items()
        )
        return plan.StackPlan(
            name=self.model.stack or self.source.stem,
            description=self.model.description,
            source=str(self.source),
            profile=profile,
            profile_reason=reason,
            roles=roles,
            setup=setup,
            variables=dict(variables),
            warnings=tuple(self.warnings),
            secrets=self._secrets(),
            logs=plan.LogsPlan(self.model.logs.part, self.model.logs.keep),
            metrics_port=self.model.metrics,
        )

    def _secrets(self) -> tuple[str, ...]:
        roles = [role for role in self.model.roles.values() if role.enabled]
        return tuple(dict.fromkeys([*self.model.secrets, *(name for role in roles for name in role.secrets)]))

    def _role(self, name: str, role: RoleModel, shared_env: Mapping[str, str]) -> plan.RolePlan:
        at = ("roles", name)
        cwd = self.places.file_path(role.dir or ".", *at, "dir")
        env = {**shared_env, **self._gpu_environment(name, role), **self._environment(at, role.env_file, role.env)}
        return plan.RolePlan(
            name=name,
            description=role.description,
            argv=self._argv(name, role, cwd, env),
            cwd=str(cwd),
            env=env,
            host=role.host,
            ports=dict(role.ports),
            ready=resolve_probe(name, role, self.places, self.problems),
            ready_timeout_s=role.ready_timeout,
            launch=role.launch,
            on_exit=role.on_exit,
            restart=plan.RestartPlan(role.restart.backoff, role.restart.max, role.restart.limit, role.restart.window),
            stop_signal=int(signal.Signals[role.stop.signal]),
            stop_grace_s=role.stop.grace,
            after=tuple(role.after),
            watchdog_s=self._watchdog(name, role),
            ports_by_anyone=role.ports_by == "anyone",
            gpu=role.gpu,
            url=role.url,
            requires=requirements(role.requires, self.places, (*at, "requires")),
            enabled=role.enabled,
            disabled_reason="" if role.enabled else self.places.switched_off(*at),
            where=str(self.places.key_mark(*at)),
        )

    def _watchdog(self, name: str, role: RoleModel) -> float | None:
        at = ("roles", name, "watchdog")
        if role.watchdog is not None and role.launch == "reuse":
            message = f"{name} is started by somebody else, who alone hears its signs of life"
            self.problems.append(self.places.problem(message, *at, hint="drop `watchdog`, or `launch: reuse`"))
        if role.watchdog == 0:
            hint = "leave `watchdog` out where no sign of life is expected"
            self.problems.append(self.places.problem("a watchdog of 0 s expects the impossible", *at, hint=hint))
        return role.watchdog

    def _argv(self, name: str, role: RoleModel, cwd: Path, env: Mapping[str, str]) -> tuple[str, ...]:
        if role.command is None:
            if role.enabled and role.launch != "reuse":
                self.problems.append(
                    self.places.problem(f"the role {name} has no command", "roles", name, hint="add `command: …`")
                )
            return ()
        words = list(role.command)
        if role.project is not None:
            words = self.surroundings.find_in_project(
                words, self.places.file_path(role.project, "roles", name, "project")
            )
        else:
            found = self.surroundings.find_program(words[0], cwd, env.get("PATH"))
            words[0] = str(found) if found is not None else words[0]
        if role.config is not None:
            words += ["--config", str(self.places.file_path(role.config, "roles", name, "config"))]
        return tuple(words)

    def _environment(
        self, at: tuple[str, ...], files: str | list[str] | None, values: Mapping[str, EnvValue]
    ) -> dict[str, str]:
        environment: dict[str, str] = {}
        for index, file in enumerate([files] if isinstance(files, str) else files or []):
            place: tuple[str | int, ...] = (*at, "env_file") if isinstance(files, str) else (*at, "env_file", index)
            path = self.places.file_path(file, *place)
            self.surroundings.note_file(path)
            try:
                environment |= read_env_file(path)
            except EnvFileError as error:
                self.problems.append(self.places.problem(str(error), *place))
        return environment | {key: env_text(value) for key, value in values.items()}

    def _gpu_environment(self, name: str, role: RoleModel) -> dict[str, str]:
        if role.gpu is None or not role.enabled:
            return {}
        report = self.surroundings.report()
        card = next((gpu for gpu in report.gpus if gpu.index == role.gpu), None)
        if card is None:
            where = self.places.mark("roles", name, "gpu")
            self.warnings.append(f"{where}: {name} is not pinned: no card {role.gpu} here; found {report}")
            return {}
        same = ", ".join(str(other.index) for other in twins(card, report))
        if same:
            where = self.places.mark("roles", name, "gpu")
            self.warnings.append(
                f"{where}: cards {role.gpu} and {same} are of one model: CUDA and OpenGL of {name} use {role.gpu}; "
                "Vulkan does only where Mesa's device-select layer is installed"
            )
        return pin_environment(card, report)
