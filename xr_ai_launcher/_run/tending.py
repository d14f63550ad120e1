"""Looks after roles that are on their way: makes what shows, records and steers a run, and supervises until its end.

Loaded while the first roles start, see `starting`.
"""

from __future__ import annotations

import gc
from functools import partial

from xr_ai_launcher._run.job import Job
from xr_ai_launcher._run.mask import Mask
from xr_ai_launcher._run.record import Record
from xr_ai_launcher._run.report import Report
from xr_ai_launcher._run.role import Role
from xr_ai_launcher._run.rundir import RunDir
from xr_ai_launcher._run.screen import Screen, color_for
from xr_ai_launcher._run.starting import Starter
from xr_ai_launcher._run.supervisor import Supervisor
from xr_ai_launcher._run.terminal_signals import TerminalSignals
from xr_ai_launcher._run.views import open_views, wants_table


def tend(
    job: Job,
    run_dir: RunDir,
    roles: list[Role],
    starter: Starter,
    screen: Screen,
    mask: Mask,
    width: int,
    lifeline: int,
) -> int:
    """Run the stack until nothing of it is left; return the launcher's exit code. ``width`` is that of prefixes."""
    gc.freeze()  # as in `guard`, for what was loaded since
    gc.enable()
    has_table = wants_table(job.wishes, job.stderr, job.environment)
    colored = color_for(job.stderr, job.environment)
    report = Report(screen, width, colored=colored, clean=mask.clean, has_table=has_table)
    record = Record(run_dir.logs, mask.clean)
    record.begin(_identity(job, run_dir))
    supervisor = Supervisor(
        roles,
        environment=job.environment,
        run_dir=run_dir,
        report=report,
        lifeline=lifeline,
        starter=starter,
        plan=job.original,
        launcher_pid=job.launcher_pid,
        record=record,
        mask=mask,
        terminal=TerminalSignals(screen, job.launcher_pid),
        open_views=partial(open_views, job.wishes, screen=screen, report=report, has_table=has_table),
        keepers=job.keepers,
    )
    return supervisor.run()


def _identity(job: Job, run_dir: RunDir) -> dict[str, object]:
    """What the run record begins with."""
    return {
        "stack": job.plan.name,
        "run_id": run_dir.run_id,
        "source": job.plan.source,
        "profile": job.plan.profile,
        "launcher_pid": job.launcher_pid,
        "runtime": run_dir.runtime,
        "roles": [role.name for role in job.plan.enabled_roles],
    }
