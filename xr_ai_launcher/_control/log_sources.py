"""Finds the log files that a call means: of a running stack, or of the last run of one that does not run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from xr_ai_launcher._control.errors import NoSuchRunError
from xr_ai_launcher._control.follow import Follower
from xr_ai_launcher._control.log_lines import SPEAKER, event_line, merged, read_events, read_role
from xr_ai_launcher._control.runs import STACK_FILE, find_runs, same_stack, the_stack
from xr_ai_launcher._dataclasses import dataclass
from xr_ai_launcher._run.record import FILE_NAME
from xr_ai_launcher._run.rundir import LATEST_LINK, state_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from xr_ai_launcher._control.log_lines import Line

__all__ = ("LogSources", "find_logs")


@dataclass(frozen=True, slots=True)
class LogSources:
    """Log files by role, the folders of the run records, and the private folders of those runs that still run."""

    files: Mapping[str, Path]
    folders: tuple[Path, ...]
    runtimes: tuple[Path, ...] = ()
    has_events: bool = True

    @property
    def speakers(self) -> tuple[str, ...]:
        """Whose lines there are."""
        return (*self.files, *((SPEAKER,) if self.has_events else ()))

    def lines(self, since_ns: int, last: int | None, followers: Sequence[Follower] = ()) -> Iterable[Line]:
        """Return what there is now; with ``followers`` what is before the place where they begin."""
        ends = {follower.path: follower.begin for follower in followers}
        streams = [
            read_role(role, path, since_ns=since_ns, last=last, until=ends.get(path))
            for role, path in self.files.items()
        ]
        if self.has_events:
            streams += [
                read_events(folder, since_ns=since_ns, until=ends.get(folder / FILE_NAME)) for folder in self.folders
            ]
        return merged(streams, last)

    def followers(self) -> list[Follower]:
        """Return readers of what comes from now on."""
        found = [Follower(role, path) for role, path in self.files.items()]
        if self.has_events:
            found += [Follower(SPEAKER, folder / FILE_NAME, event_line) for folder in self.folders]
        return found


def find_logs(environment: Mapping[str, str], stack: str | None, roles: Sequence[str]) -> LogSources:
    """Return where the logs are; ``stack`` as for `the_stack`.

    Raises:
        NoSuchRunError: there are none, or no such role.
    """
    try:
        sources = _running(environment, stack)
    except NoSuchRunError as error:
        found = _finished(environment, stack)
        if found is None:
            raise NoSuchRunError(f"{error}, and there are no logs of an earlier run") from None
        sources = found
    return _only(sources, roles) if roles else sources


def _running(environment: Mapping[str, str], stack: str | None) -> LogSources:
    runs = sorted(the_stack(find_runs(environment).running, stack), key=lambda run: bool(run.persists))
    files = {role.name: Path(role.log_path) for run in runs for role in run.roles if role.log_path}
    # A stack's own record has what its keepers' have, as far as it happened during its run.
    folders = tuple(Path(run.logs) for run in runs if not (run.persists and runs[0].persists == ""))
    return LogSources(files, folders, tuple(Path(run.runtime) for run in runs))


def _finished(environment: Mapping[str, str], stack: str | None) -> LogSources | None:
    """The newest run whose record says that it is of the stack."""
    candidates = []
    for link in Path(state_root(environment)).glob(f"*/{LATEST_LINK}"):
        record = link / FILE_NAME
        try:
            with record.open("rb") as file:
                first = json.loads(file.readline())
            candidates.append((record.stat().st_mtime, link.resolve(), first))
        except (OSError, ValueError):
            continue
    candidates.sort(key=lambda each: each[0], reverse=True)
    here = str(STACK_FILE.resolve())
    wanted = [
        (written, folder, run)
        for written, folder, run in candidates
        if stack is None or same_stack(stack, run.get("stack", ""), run.get("source", ""))
    ]
    wanted.sort(key=lambda each: stack is None and each[2].get("source") == here, reverse=True)
    if not wanted:
        return None
    _, folder, identity = wanted[0]
    names = identity.get("roles", [])
    return LogSources({name: path for name in names if (path := folder / f"{name}.log").exists()}, (folder,))


def _only(sources: LogSources, roles: Sequence[str]) -> LogSources:
    unknown = [role for role in roles if role not in sources.files]
    if unknown:
        from xr_ai_config import did_you_mean

        hint = did_you_mean(unknown[0], sources.files) or f"there are {', '.join(sources.files)}"
        raise NoSuchRunError(f"there is no log of a role {unknown[0]}; {hint}")
    files = {role: sources.files[role] for role in roles}
    return LogSources(files, sources.folders, sources.runtimes, has_events=False)
