"""A stack with every question answered: what to prepare, what to start, how to know and how to stop.

Standard library only, and little of it, so that a plan can be stored, loaded and run without what checked it. Paths are
absolute, those of roles as text since roles start before pathlib is loaded; ports are numbers, durations are seconds.
``where`` is the ``file:line:column`` that declared the thing.

References to what is known only later are left in ``argv``, ``env`` and probes, and filled in by `bind`:
``${setup.NAME}``, the program a setup step found (bound by who calls the run side), and ``${run_dir}``, the folder of
this run for sockets and the like (bound by the run side, which makes it and also exports it as ``XR_RUN_DIR``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from xr_ai_launcher._dataclasses import dataclass, field, replace

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    Launch = Literal["own", "persist", "reuse"]
    OnExit = Literal["fail", "restart", "ignore"]


@dataclass(frozen=True, slots=True)
class NotifyProbe:
    """Ready when the role sends ``READY=1`` to its ``NOTIFY_SOCKET`` (systemd's protocol)."""


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """Ready when a GET answers with one of ``statuses`` (any 2xx when empty)."""

    url: str
    statuses: tuple[int, ...] = ()
    verify_tls: bool = True


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """Ready when the address accepts a connection."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class LogProbe:
    """Ready when the role prints a line in which ``pattern`` (a regular expression) is found."""

    pattern: str


@dataclass(frozen=True, slots=True)
class FileProbe:
    """Ready when the path exists and was not there, or older, when the role started."""

    path: str


@dataclass(frozen=True, slots=True)
class ExecProbe:
    """Ready when the command ends with 0; it runs in the role's folder and environment."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class McpProbe:
    """Ready when the MCP server at ``url`` (streamable HTTP) answers ``initialize``."""

    url: str


ProbePlan = NotifyProbe | HttpProbe | TcpProbe | LogProbe | FileProbe | ExecProbe | McpProbe


@dataclass(frozen=True, slots=True)
class RestartPlan:
    """How often a role with ``on_exit: restart`` comes back: doubling pauses, and a limit within a window."""

    backoff_s: float = 0.5
    backoff_max_s: float = 30.0
    limit: int = 5
    window_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Requirement:
    """A program that must be installed; ``hint`` is one sentence on how to get it."""

    command: str
    hint: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class RolePlan:
    """One program of the stack."""

    name: str
    argv: tuple[str, ...]
    """``argv[0]`` is an absolute path, or the bare name when no such program is installed."""
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the launcher's own environment and to what setup steps export."""
    host: str = "127.0.0.1"
    ports: Mapping[str, int] = field(default_factory=dict)
    ready: ProbePlan | None = None
    """None: ready as soon as it runs."""
    ready_timeout_s: float = 60.0
    launch: Launch = "own"
    on_exit: OnExit = "fail"
    restart: RestartPlan = RestartPlan()
    stop_signal: int = 15
    stop_grace_s: float = 10.0
    after: tuple[str, ...] = ()
    """Roles that must be ready before this one starts."""
    watchdog_s: float | None = None
    """How long it may be silent once it is ready; None expects no signs of life."""
    ports_by_anyone: bool = False
    """Whether a server on its port may be another's process, such as a container runtime's."""
    gpu: int | None = None
    """Index of the card, for display; the pinning itself is already in ``env``."""
    url: str = ""
    """What a person opens once the role is ready."""
    description: str = ""
    requires: tuple[Requirement, ...] = ()
    enabled: bool = True
    disabled_reason: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class EnvSource:
    """The environment variable names the program."""

    variable: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class PathSource:
    """The program is found on ``PATH``."""

    command: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class FileSource:
    """The program is at this path, for instance left by an earlier step."""

    path: Path
    where: str = ""


@dataclass(frozen=True, slots=True)
class YamlSource:
    """A YAML file names the program under a dotted key; a missing file or key means "not here"."""

    file: Path
    key: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class DownloadSource:
    """A file, or one member of an archive, fetched into ``to``.

    Without ``sha256`` the checksum of the first download is recorded and every later one must match it.
    """

    url: str
    to: Path
    sha256: str | None = None
    member: str | None = None
    executable: bool = True
    platform: str | None = None
    """``system/machine`` this file is for, such as ``linux/x86_64``; elsewhere the source is passed over."""
    mirrors: tuple[str, ...] = ()
    """Addresses that are tried before ``url``."""
    where: str = ""

    @property
    def result(self) -> Path:
        """Where the program lies afterwards."""
        return self.to / os.path.basename(self.member or self.url.partition("?")[0])


@dataclass(frozen=True, slots=True)
class GoSource:
    """``go install package@version`` with ``GOBIN`` set to ``to``."""

    package: str
    version: str
    to: Path
    where: str = ""

    @property
    def result(self) -> Path:
        """Where the program lies afterwards."""
        return self.to / os.path.basename(self.package)


@dataclass(frozen=True, slots=True)
class DockerSource:
    """A wrapper script in ``to`` that runs the image with ``run_args``, its arguments passed on."""

    image: str
    to: Path
    run_args: tuple[str, ...] = ("--network", "host")
    mirrors: tuple[str, ...] = ()
    """Names under which the image is pulled before ``image`` itself."""
    where: str = ""


BinarySource = EnvSource | PathSource | FileSource | YamlSource | DownloadSource | GoSource | DockerSource


@dataclass(frozen=True, slots=True)
class RunStep:
    """A command to run when ``creates`` is missing or the fingerprint of ``inputs`` changed."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Path, ...] = ()
    creates: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class BinaryStep:
    """A program to find or fetch: the first source that works."""

    sources: tuple[BinarySource, ...]


@dataclass(frozen=True, slots=True)
class KindStep:
    """A step of a kind that an installed package brings."""

    kind: str
    settings: str
    """What the kind's own model made of the stack file, as JSON."""
    creates: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """One thing to prepare before roles start. Steps run concurrently, each after its ``needs``."""

    name: str
    step: RunStep | BinaryStep | KindStep
    export: str | None = None
    """Environment variable in which roles find the program of a `BinaryStep`, or the result of a `KindStep`."""
    needs: tuple[str, ...] = ()
    requires: tuple[Requirement, ...] = ()
    """Programs needed only when the step has something to do."""
    description: str = ""
    enabled: bool = True
    disabled_reason: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class LogsPlan:
    """How large the log file of a role may become, and how many older parts of it are kept."""

    part_bytes: int = 64 << 20
    keep: int = 3


@dataclass(frozen=True, slots=True)
class StackPlan:
    """A fully resolved stack."""

    name: str
    source: str
    roles: tuple[RolePlan, ...]
    setup: tuple[SetupPlan, ...] = ()
    description: str = ""
    profile: str | None = None
    profile_reason: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    """Environment variables whose values appear in no log, beside those whose name sounds secret."""
    logs: LogsPlan = LogsPlan()
    metrics_port: int | None = None
    """Where figures are served to Prometheus: a port of this machine, 0 for any free one, None for nowhere."""

    @property
    def enabled_roles(self) -> tuple[RolePlan, ...]:
        """The roles that `up` starts, in the order of the file."""
        return tuple(role for role in self.roles if role.enabled)

    @property
    def enabled_setup(self) -> tuple[SetupPlan, ...]:
        """The setup steps that `up` takes, in the order of the file."""
        return tuple(step for step in self.setup if step.enabled)

    @property
    def disabled(self) -> dict[str, str]:
        """Why each disabled role or setup step (``setup NAME``) is off."""
        steps = {f"setup {step.name}": step.disabled_reason for step in self.setup if not step.enabled}
        return {role.name: role.disabled_reason for role in self.roles if not role.enabled} | steps


def setup_names(plan: StackPlan, exports: Mapping[str, str]) -> dict[str, str]:
    """Return what ``${setup.NAME}`` stands for, given the environment variables that setup steps exported."""
    return {f"setup.{step.name}": exports[step.export] for step in plan.setup if step.export in exports and step.export}


def bind(plan: StackPlan, names: Mapping[str, str]) -> StackPlan:
    """Return the plan with the late references that ``names`` knows replaced; any other stays as it is.

    ``names`` is `setup_names` before the run, and ``{"run_dir": path}`` once the run has its folder.
    """

    references = {f"${{{name}}}": value for name, value in names.items()}

    def fill(text: str) -> str:
        if "${" not in text:
            return text
        # In one pass, so that what a value contains is not taken for a reference.
        first, *parts = text.split("${")
        return first + "".join(_with_value("${" + part, references) for part in parts)

    return replace(plan, roles=tuple(_filled(role, fill) for role in plan.roles))


def _with_value(text: str, references: Mapping[str, str]) -> str:
    """Return a text that begins with a reference with its value instead, if that is known."""
    reference, brace, rest = text.partition("}")
    return references[reference + brace] + rest if reference + brace in references else text


def _filled(role: RolePlan, fill: Callable[[str], str]) -> RolePlan:
    ready = role.ready
    argv = tuple(fill(word) for word in role.argv)
    env = {key: fill(value) for key, value in role.env.items()}
    if isinstance(ready, FileProbe):
        ready = FileProbe(fill(ready.path))
    elif isinstance(ready, ExecProbe):
        ready = ExecProbe(tuple(fill(word) for word in ready.argv))
    is_same = (argv, env, ready) == (role.argv, role.env, role.ready)
    return role if is_same else replace(role, argv=argv, env=env, ready=ready)
