"""The stack file's shape: every key it may have, with the text that editors and the JSON schema show.

One model serves stack files, included files, overlays and profiles, so nearly every key is optional here; what a
whole stack must have is checked after merging. Relative paths start from the folder of the file that says them.

The text under a field is its description. It is read from this source by `schema`, not by pydantic, which would read
it at every start.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from xr_ai_launcher._stack.comparison import compare_capability, compare_count, compare_memory
from xr_ai_launcher._stack.values import Command, Duration, EnvValue, Name, Port, Size, VariableName

__all__ = ("ProbeModel", "ProfileModel", "RoleModel", "SetupModel", "SourceModel", "StackModel")

StopSignal = Literal["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL"]


class _Part(BaseModel):
    """Base of every part of a stack file."""

    # Built when first used: a part is validated within the stack, hardly ever alone.
    model_config = ConfigDict(extra="forbid", defer_build=True)


class HttpProbeModel(_Part):
    """Ask an HTTP server."""

    url: str
    """Address to GET."""
    status: int | list[int] | None = None
    """Status codes that count as ready; any 2xx when not given."""
    verify_tls: bool = True
    """Whether a certificate must be trusted; false for self-signed ones."""


class ProbeModel(_Part):
    """How the launcher knows that a role is usable: `notify`, or exactly one of these keys."""

    notify: bool | None = None
    """The role says READY=1 on its NOTIFY_SOCKET (systemd's protocol). Also written `ready: notify`."""
    http: str | HttpProbeModel | None = None
    """A GET answers 2xx (or the given status)."""
    tcp: Port | str | None = None
    """A port of the role's host, or `host:port`, accepts connections."""
    log: str | None = None
    """A printed line matches this regular expression."""
    file: str | None = None
    """This path exists, newer than the role's start."""
    exec: Command | None = None
    """This command ends with 0."""
    mcp: str | None = None
    """The MCP server at this URL answers."""

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value != "notify":
                raise ValueError(f'"{value}" is not a probe; expected {_PROBE_FORMS}')
            return {"notify": True}
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> "ProbeModel":
        if len(self.model_fields_set) != 1 or self.notify is False:
            raise ValueError(f"expected exactly one probe: {_PROBE_FORMS}")
        return self


_PROBE_FORMS = "notify, {tcp: PORT}, {http: URL}, {log: REGEX}, {file: PATH}, {exec: COMMAND} or {mcp: URL}"


class StopModel(_Part):
    """How a role is asked to end."""

    signal: StopSignal = "SIGTERM"
    """Sent first, to the role's whole process group."""
    grace: Duration = 10.0
    """How long it may take before SIGKILL."""


class RestartModel(_Part):
    """How often a role with `on_exit: restart` comes back."""

    backoff: Duration = 0.5
    """First pause; doubled at each restart."""
    max: Duration = 30.0
    """Longest pause."""
    limit: int = Field(default=5, ge=1)
    """Restarts within the window after which the role counts as failed."""
    window: Duration = 60.0
    """Time in which restarts are counted."""


class RoleModel(_Part):
    """One program of the stack."""

    description: str = ""
    """What the role is for, in one line."""
    command: Command | None = None
    """Program and arguments: a list, or text split as a shell would. Never given to a shell."""
    dir: str | None = None
    """Working folder, relative to this file (default: this file's folder)."""
    project: str | None = None
    """Folder of a Python project with an environment of its own, relative to this file; the command is found there."""
    config: str | None = None
    """Configuration file, relative to this file; becomes `--config <absolute path>`."""
    env: dict[VariableName, EnvValue] = {}
    """Environment variables, added to the launcher's."""
    env_file: str | list[str] | None = None
    """Files with KEY=VALUE lines, relative to this file; `env` wins over them."""
    host: str = "127.0.0.1"
    """Address on which the ports are checked and probed."""
    ports: dict[Name, Port] = {}
    """Ports the role listens on, by a name of your choice; checked free, and unique in the stack."""
    url: str = ""
    """What a person opens once the role is ready."""
    ready: ProbeModel | None = None
    """How to know that the role is usable; without it a role is ready once it runs."""
    ready_timeout: Duration = 60.0
    """How long getting ready may take before the stack is stopped with exit code 4."""
    watchdog: Duration | None = None
    """How long the role may be silent once ready: it sends `WATCHDOG=1` to its notify socket, as under systemd."""
    ports_by: Literal["role", "anyone"] = "role"
    """Who answers on the ports: processes of the role, or anyone, such as the container runtime that it talks to."""
    after: list[Name] = []
    """Roles that must be ready before this one starts. Only for programs that cannot wait by themselves."""
    launch: Literal["own", "persist", "reuse"] = "own"
    """own: started and stopped with the stack. persist: left running. reuse: must be running already."""
    on_exit: Literal["fail", "restart", "ignore"] = "fail"
    """What an exit means: fail stops the stack, restart starts the role again, ignore only notes it."""
    restart: RestartModel = RestartModel()
    """Pauses and limit for `on_exit: restart`."""
    stop: StopModel = StopModel()
    """Signal and grace time at the end."""
    gpu: int | None = Field(default=None, ge=0)
    """Index of the graphics card (in PCI order) that CUDA, Vulkan and DRI are pinned to."""
    requires: list[str] | dict[str, str] = {}
    """Programs that must be installed, each with one sentence on how to get it."""
    secrets: list[VariableName] | dict[VariableName, str] = {}
    """Environment variables the role needs and nobody may see, each with one sentence on where to get its value."""
    enabled: bool = True
    """Whether the role is started."""


class LogsModel(_Part):
    """How much of what roles print is kept in files."""

    part: Size = 64 << 20
    """Size at which a role's log file is put aside and a new one begun."""
    keep: int = Field(default=3, ge=0)
    """Parts put aside that are kept."""


class DownloadModel(_Part):
    """A file, or one member of an archive, from the network."""

    url: str
    """Address of the file or archive."""
    to: str
    """Folder to keep it in, relative to this file."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")
    """Checksum; without it the first download's is recorded and must match ever after."""
    member: str | None = None
    """The file to take out of an archive."""
    executable: bool = True
    """Whether to set the executable bit."""
    platform: str | None = None
    """`system/machine` the file is for, such as linux/x86_64; passed over elsewhere."""


class GoModel(_Part):
    """A Go program, compiled here."""

    package: str
    """Import path of the command."""
    version: str
    """Version, such as v1.13.5."""
    to: str
    """Folder to install it in, relative to this file."""


class YamlSourceModel(_Part):
    """A path written in some YAML file."""

    file: str
    """The YAML file, relative to this file."""
    key: str
    """Key that holds the path; dots go deeper."""


class DockerModel(_Part):
    """A program that runs in a container, behind a small wrapper script."""

    image: str
    """Image with tag."""
    to: str
    """Folder for the wrapper script, relative to this file."""
    run_args: list[str] = ["--network", "host"]
    """Arguments for `docker run`."""


class SourceModel(_Part):
    """One place where a program may come from: exactly one of these keys."""

    env: VariableName | None = None
    """An environment variable that names it."""
    path: str | None = None
    """A command to find on PATH."""
    file: str | None = None
    """A path, relative to this file."""
    yaml: YamlSourceModel | None = None
    """A path written in a YAML file."""
    download: DownloadModel | None = None
    """A file from the network."""
    go: GoModel | None = None
    """A Go package to install."""
    docker: DockerModel | None = None
    """A container image."""

    @model_validator(mode="after")
    def _exactly_one(self) -> "SourceModel":
        if len(self.model_fields_set) != 1:
            raise ValueError(f"expected exactly one of {', '.join(type(self).model_fields)}")
        return self


class SetupModel(_Part):
    """One thing to prepare before roles start: a command to `run`, or a `binary` to find or fetch."""

    description: str = ""
    """What the step is for, in one line."""
    run: Command | None = None
    """Command to run when something is out of date."""
    dir: str | None = None
    """Working folder of `run`, relative to this file (default: this file's folder)."""
    env: dict[VariableName, EnvValue] = {}
    """Environment variables for `run`."""
    inputs: list[str] = []
    """Files and folders of `dir` that the result depends on; the command runs again when they change."""
    creates: str | list[str] = []
    """What the command makes, relative to this file; it runs when this is missing."""
    binary: list[SourceModel] | None = None
    """Places a program may come from; the first that works is taken."""
    export: VariableName | None = None
    """Environment variable in which roles find the program."""
    needs: list[Name] = []
    """Setup steps that must be done before."""
    requires: list[str] | dict[str, str] = {}
    """Programs the step needs when it has something to do."""
    enabled: bool = True
    """Whether the step is taken."""


class MatchModel(_Part):
    """Hardware a profile is for. Conditions on a card must hold for the same card."""

    gpus: int | str | None = None
    """Number of cards that fit: a number, or a comparison such as ">=2"."""
    gpu: str | None = None
    """Part of the card's name, such as GB10."""
    capability: str | float | None = None
    """CUDA compute capability, such as ">=10" or ">=8.9 <10"."""
    memory: str | None = None
    """Memory of the card, such as ">=90GiB"."""

    @field_validator("gpus", "capability", "memory")
    @classmethod
    def _is_comparison(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None:
            _COMPARISONS[info.field_name or ""](value)
        return value


_COMPARISONS: dict[str, Any] = {"gpus": compare_count, "capability": compare_capability, "memory": compare_memory}


class _Overlay(_Part):
    vars: dict[VariableName, EnvValue] = {}
    """Values for `${name}` references."""
    env: dict[VariableName, EnvValue] = {}
    """Environment variables for every role."""
    env_file: str | list[str] | None = None
    """Files with KEY=VALUE lines for every role, relative to this file; `env` wins over them."""
    secrets: list[VariableName] | dict[VariableName, str] = {}
    """Environment variables every role needs and nobody may see, each with one sentence on where to get its value."""
    logs: LogsModel = LogsModel()
    """Size of log files."""
    metrics: int | None = Field(default=None, ge=0, le=65535)
    """Port of 127.0.0.1 on which figures of the roles are served to Prometheus, at /metrics; 0 takes any free port."""
    mirrors: dict[str, str] = {}
    """Where downloads and images are tried first: beginning of an address → its replacement. Also XRSTACK_MIRRORS."""
    setup: dict[Name, SetupModel] = {}
    """Things to prepare before roles start; they run concurrently."""
    roles: dict[Name, RoleModel] = {}
    """The programs of the stack."""


class ProfileModel(_Overlay):
    """What differs on some hardware. States only the differences; chosen by `match` or --profile."""

    description: str = ""
    """What the profile is for, in one line."""
    match: MatchModel | None = None
    """Hardware that chooses this profile; without it the profile is chosen by name only."""


class StackModel(_Overlay):
    """A stack: programs that are prepared, started and stopped together."""

    model_config = ConfigDict(title="xrstack stack file")

    stack: Name | None = None
    """Name of the stack."""
    description: str = ""
    """What the stack does, in one line."""
    include: str | list[str] = []
    """Other stack files to build on, relative to this file; this file wins over them."""
    profiles: dict[Name, ProfileModel] = {}
    """Overlays for different hardware."""
