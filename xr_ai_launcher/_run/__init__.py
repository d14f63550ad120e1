"""Runs a checked stack: every role started, watched and stopped, and nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

from xr_ai_launcher._dataclasses import replace
from xr_ai_launcher._run.errors import RunDirError, RunError, SpawnError
from xr_ai_launcher._run.guard import run_guarded
from xr_ai_launcher._run.job import Job
from xr_ai_launcher._run.limits import OpenFilesLimit
from xr_ai_launcher._run.log_file import LogFile
from xr_ai_launcher._run.mask import Mask, mask_for
from xr_ai_launcher._run.relay import Relay
from xr_ai_launcher._run.role import Role
from xr_ai_launcher._run.rundir import RunDir, create_run_dir
from xr_ai_launcher._run.screen import Screen, color_for, prefix_for, write_all
from xr_ai_launcher._run.starting import Starter
from xr_ai_launcher._run.views import Wishes, wants_table
from xr_ai_launcher._run.words import exit_words, shell_code
from xr_ai_launcher._stack.plan import StackPlan, bind

__all__ = ["RunDirError", "RunError", "SpawnError", "Wishes", "run"]

_SPEAKER_WIDTH = len("xrstack")
_FILES_OF_OURS = 64
# Its pipe, log, the log's index, notify socket, and while it is asked for readiness a connection and what that opens.
_FILES_PER_ROLE = 7


def run(
    plan: StackPlan,
    *,
    environment: Mapping[str, str],
    stdout: int = 1,
    stderr: int = 2,
    wishes: Wishes | None = None,
    original: StackPlan | None = None,
) -> int:
    """Run the stack until a role fails or a signal comes; return the exit code for the launcher.

    ``environment`` is what roles inherit: the launcher's own and what setup steps exported. Lines of roles go to
    ``stdout`` and the launcher's own to ``stderr``, both descriptors. By ``original``, the plan before setup steps had
    a part in it, the run is known to later ones. The work is done in a process of its own, see `guard`; when this
    returns nothing that was started is left.

    Raises:
        RunDirError: there is no place for sockets or logs.
        RunError: a role that an earlier run left running cannot be replaced.
    """
    wishes = wishes or Wishes(metrics_port=plan.metrics_port)
    job = Job(plan, original or plan, environment, stdout, stderr, wishes, os.getpid())
    if any(role.launch == "persist" for role in plan.enabled_roles):
        from xr_ai_launcher._run.keeping import keepers_for

        job = replace(job, keepers=keepers_for(plan, environment, _run_keeper))
    return _run(job, create_run_dir(plan.name, environment))


def _run_keeper(plan: StackPlan, environment: Mapping[str, str], run_dir: RunDir) -> int:
    """Run the one role of ``plan`` on behalf of later runs."""
    return _run(Job(plan, plan, environment, 1, 2, Wishes(is_plain=True), os.getpid()), run_dir)


def _run(job: Job, run_dir: RunDir) -> int:
    name, has_table = job.plan.name, wants_table(job.wishes, job.stderr, job.environment)
    try:
        code = run_guarded(
            lambda lifeline: _supervise(job, run_dir, lifeline),
            title=f"stack-supervisor {name}",
            job_control=True,
            has_table=has_table,
            clean_up=run_dir.remove_runtime,
        )
    finally:
        run_dir.remove_runtime()
    if code < 0:
        if has_table:
            from xr_ai_launcher._view.footer import reset_sequence

            write_all(job.stderr, reset_sequence())
        write_all(job.stderr, f"the supervisor of {name} was {exit_words(code)}; its roles were stopped\n".encode())
    return shell_code(code)


def _supervise(job: Job, run_dir: RunDir, lifeline: int) -> int:
    plan = bind(job.plan, {"run_dir": run_dir.runtime})
    screen = Screen(job.stdout, job.stderr)
    mask = mask_for(plan, job.environment)
    width = max([_SPEAKER_WIDTH, *(len(role.name) for role in plan.enabled_roles)])
    relays = _relays(job, run_dir, screen, width, mask)
    roles = [Role(role, relays.get(role.name)) for role in plan.enabled_roles]
    open_files = OpenFilesLimit(_FILES_OF_OURS + _FILES_PER_ROLE * len(roles))
    starter = Starter(job.environment, run_dir, open_files)
    starter.begin(_first(job, roles))
    from xr_ai_launcher._run.tending import tend

    try:
        return tend(job, run_dir, roles, starter, screen, mask, width, lifeline)
    finally:
        screen.close()
        run_dir.remove_runtime()


def _first(job: Job, roles: list[Role]) -> list[Role]:
    """Return what this run starts itself and without waiting for another role."""
    names = {role.name for role in roles}
    ours = (role for role in roles if role.relay is not None and role.name not in job.keepers)
    return [role for role in ours if names.isdisjoint(role.plan.after)]


def _relays(job: Job, run_dir: RunDir, screen: Screen, width: int, mask: Mask) -> dict[str, Relay]:
    """Return where the output of each role that this run starts goes."""
    colored = color_for(job.stdout, job.environment)
    calming = None
    if os.isatty(job.stdout):
        from xr_ai_launcher._run.escapes import calm

        calming = partial(calm, keep_colors=colored)
    relays = {}
    for index, role in enumerate(job.plan.enabled_roles):
        keeper = job.keepers.get(role.name)
        if role.launch == "reuse" or (keeper is not None and not keeper.is_new):
            continue
        log = LogFile(f"{run_dir.logs}/{role.name}.log", limit_bytes=job.plan.logs.part_bytes, kept=job.plan.logs.keep)
        # What a keeper passes on gets its prefix where it is shown.
        prefix = b"" if run_dir.persists else prefix_for(role.name, width, index, colored=colored)
        relays[role.name] = Relay(log, prefix, screen, calming, mask)
        if keeper is not None:
            relays[role.name].adopt_pipe(keeper.output)
    return relays
