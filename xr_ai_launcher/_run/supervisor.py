"""Runs the roles of a stack in this process: starts them, hears of their readiness and their exits, decides, stops."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic

from xr_ai_launcher._run import endings
from xr_ai_launcher._run.awaiting import Awaiting
from xr_ai_launcher._run.errors import SpawnError
from xr_ai_launcher._run.guard import FORWARDED_SIGNALS
from xr_ai_launcher._run.hearing import Hearing
from xr_ai_launcher._run.kept_roles import KeptRoles
from xr_ai_launcher._run.loop import Loop
from xr_ai_launcher._run.mask import Mask
from xr_ai_launcher._run.news import News
from xr_ai_launcher._run.record import Record
from xr_ai_launcher._run.relay import Relay
from xr_ai_launcher._run.report import Ending, Report
from xr_ai_launcher._run.role import Role, State
from xr_ai_launcher._run.rundir import RunDir
from xr_ai_launcher._run.signals import send
from xr_ai_launcher._run.starting import Starter
from xr_ai_launcher._run.steering import Steering
from xr_ai_launcher._run.stopping import Stopping
from xr_ai_launcher._run.terminal_signals import TERMINAL_SIGNALS, TerminalSignals
from xr_ai_launcher._run.upward import NOTIFY_VARIABLE, tell_starter
from xr_ai_launcher._run.words import SIGNAL_EXIT_BASE, counted, exit_words, seconds, signal_name
from xr_ai_launcher._stack.plan import StackPlan

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from xr_ai_launcher._run.keeping import Keeper
    from xr_ai_launcher._run.views import View

# Nobody is left to wait for a launcher that was killed: its roles get this long and no longer.
_ABANDONED_GRACE_S = 1.0


class Supervisor:
    """One run of one stack. `run` blocks until nothing of it is left and returns the launcher's exit code."""

    def __init__(
        self,
        roles: list[Role],
        *,
        environment: Mapping[str, str],
        run_dir: RunDir,
        report: Report,
        lifeline: int,
        starter: Starter,
        plan: StackPlan,
        launcher_pid: int,
        terminal: TerminalSignals,
        record: Record,
        mask: Mask,
        open_views: Callable[[Loop, News, Steering], list[View]],
        keepers: Mapping[str, Keeper],
    ) -> None:
        """``plan`` is the plan as it was before this run's folder was put in; ``starter`` may have begun."""
        self._run_dir = run_dir
        self._roles = {role.name: role for role in roles}
        self._notify_upward = partial(tell_starter, environment.get(NOTIFY_VARIABLE))
        self._report = report
        self._lifeline = lifeline
        self._loop = Loop()
        self._starter = starter
        self._awaiting = Awaiting(
            self._loop,
            starter.environment,
            on_ready=self._on_ready,
            on_reason=self._on_reason,
            on_absent=self._on_absent,
            on_deadline=self._on_deadline,
        )
        self._began_s = starter.began_s
        self._ending: Ending | None = None
        self._stopping: Stopping | None = None
        self._is_up = False
        self._is_start_due = False
        self._open_views = open_views
        self._terminal = terminal
        self._record = record
        self._news = News()
        self._news.listen(record.take)
        self._hearing = Hearing(
            self._loop,
            self._news,
            report,
            on_ready=self._on_ready,
            on_reason=self._on_reason,
            on_hung=lambda role: self._end(endings.silent(role)),
        )
        self._kept = KeptRoles(
            keepers,
            loop=self._loop,
            news=self._news,
            report=report,
            on_status=self._hearing.status,
            on_reason=self._on_reason,
            on_ready=self._on_ready,
            on_running=self._on_running,
            on_gone=self._on_gone,
        )
        self._steering = Steering(
            plan,
            self._roles,
            loop=self._loop,
            news=self._news,
            report=report,
            run_dir=run_dir,
            launcher_pid=launcher_pid,
            clean=mask.clean,
            state=lambda: "stopping" if self._ending else "up" if self._is_up else "starting",
            start_again=self._start_again,
            end=self._end,
        )

    def run(self) -> int:
        """Start, supervise, stop."""
        self._loop.take_signals((*FORWARDED_SIGNALS, *TERMINAL_SIGNALS), self._on_signal)
        self._loop.on_reaped = self._on_reaped
        self._loop.add_reader(self._lifeline, self._on_abandoned)
        self._start_due()
        # Who ended before the loop heard signals is found by looking.
        self._loop.post(lambda: self._on_reaped(self._loop.reap()))
        self._loop.post(self._open_to_others)
        self._loop.run()
        assert self._ending is not None
        self._news.tell("ending", None, self._ending.sentence, self._ending.exit_code)
        self._close()
        self._report.ending(self._ending, something_stays=self._kept.something_stays)
        return self._ending.exit_code

    def _open_to_others(self) -> None:
        """Only now, with the roles on their way, is it time for those who look at them."""
        self._record.flush()
        self._steering.open()
        self._terminal.views = self._open_views(self._loop, self._news, self._steering)
        self._run_dir.forget_older_runs()

    # -- starting

    def _settled(self) -> None:
        """Look soon, once for all that settle together, whom that lets start."""
        if not self._is_start_due:
            self._is_start_due = True
            self._loop.post(self._start_due)

    def _start_due(self) -> None:
        """Start every role that waits for nobody (any more); watch them only when all are on their way."""
        self._is_start_due = False
        if self._ending is not None:
            return
        due = [role for role in self._roles.values() if role.state is State.WAITING and self._may_start(role)]
        # What has begun is taken over in any case: it runs.
        wanted = (role for role in due if self._ending is None or self._starter.has_begun(role))
        started = [role for role in wanted if self._start(role)]
        for role in started:
            if self._ending is None:
                self._awaiting.begin(role)
        self._check_all_settled()

    def _may_start(self, role: Role) -> bool:
        return all(self._roles[name].has_settled for name in role.plan.after if name in self._roles)

    def _start(self, role: Role) -> bool:
        """Start the role's program; what keeps it from starting ends the run."""
        role.begin_life()
        if role.name in self._kept:
            return self._start_kept(role)
        if role.relay is None:
            return True
        try:
            pid = self._starter.start(role)
        except SpawnError as error:
            self._end(endings.unstartable(role, error))
            return False
        self._loop.watch_child(pid, partial(self._on_exit, role))
        self._listen(role, role.relay)
        self._news.tell("started", role)
        return True

    def _start_kept(self, role: Role) -> bool:
        objection = self._kept.begin(role)
        if objection:
            self._end(endings.unstartable(role, objection))
        elif role.relay is not None:
            self._listen(role, role.relay)
        return not objection

    def _listen(self, role: Role, relay: Relay) -> None:
        relay.open_log()
        self._loop.add_reader(relay.pipe, partial(self._on_output, role))
        self._hearing.open(role)

    # -- readiness

    def _on_running(self, role: Role) -> None:
        """A persistent role is there from an earlier run: where it can be asked, it is asked again if it is ready."""
        assert role.kept is not None
        self._report.note(f"{role.name} runs already (launch: persist, process {role.kept.pid})")
        self._awaiting.ask_again(role)

    def _on_reason(self, role: Role, reason: str) -> None:
        if reason != role.reason:
            role.reason = reason
            self._news.tell("reason", role, reason)

    def _on_ready(self, role: Role) -> None:
        if role.state is not State.STARTING or self._ending is not None:
            return
        role.forget_watches()
        role.enter(State.READY)
        role.ready_s = role.since_s
        if role.watchdog is not None:
            role.watchdog.begin()
        self._news.tell("ready", role)
        if role.plan.ready is not None or role.relay is None:
            self._report.good(f"{role.name} is ready after {seconds(role.ready_s - role.started_s)}")
        self._settled()

    def _check_all_settled(self) -> None:
        if self._is_up or self._ending is not None or not all(role.has_settled for role in self._roles.values()):
            return
        self._is_up = True
        self._notify_upward("READY=1")
        slowest = max(self._roles.values(), key=lambda role: role.ready_s, default=None)
        text = f"{counted(len(self._roles), 'role')} ready in {seconds(monotonic() - self._began_s)}"
        if slowest is not None and len(self._roles) > 1 and slowest.plan.ready is not None:
            text += f" (the slowest: {slowest.name}, {seconds(slowest.ready_s - slowest.started_s)})"
        self._report.good(text)
        self._news.tell("up", None, text)
        for role in self._roles.values():
            if role.plan.url:
                self._report.good(f"{role.name}: {role.plan.url}")

    def _on_deadline(self, role: Role) -> None:
        self._end(endings.not_ready(role))

    def _on_absent(self, role: Role, reason: str) -> None:
        if role.kept is not None:
            self._report.bad(f"{role.name} runs, but is not ready any more: {reason}; starting it again")
            role.kept.restart()
            return
        self._end(endings.absent(role, reason))

    # -- exits

    def _on_output(self, role: Role) -> None:
        assert role.relay is not None
        if not role.relay.pump():
            self._close_pipe(role)

    def _close_pipe(self, role: Role) -> None:
        if role.relay is not None and role.relay.pipe >= 0:
            self._loop.remove_reader(role.relay.pipe)
            role.relay.close_pipe()

    def _on_exit(self, role: Role, code: int) -> None:
        """The role's leader has ended."""
        was_ready = role.state is State.READY
        role.is_alive, role.exit_code = False, code
        if not role.is_restarting or self._ending is not None:
            role.enter(State.ENDED)
        role.forget_watches()
        if role.relay is not None:
            role.relay.drain()
        self._news.tell("exit", role, exit_words(code), code)
        if self._ending is not None or role.is_restarting:
            return
        lived = seconds(monotonic() - role.started_s)
        match role.plan.on_exit:
            case "ignore":
                self._report.note(f"{role.name} ended after {lived}: {exit_words(code)} (on_exit: ignore)")
                self._on_ignored_exit()
            case "restart":
                self._on_restartable_exit(role, code, lived)
            case "fail":
                silent = endings.silent(role) if role.silence else None
                self._end(silent or endings.failed(role, code, lived, was_ready=was_ready))

    def _on_gone(self, role: Role, code: int, text: str) -> None:
        """A persistent role has ended together with its keeper, which did for it what `on_exit` says."""
        role.enter(State.ENDED)
        role.forget_watches()
        if self._ending is not None:
            return
        if role.plan.on_exit == "ignore":
            self._report.note(f"{role.name} ended: {text} (on_exit: ignore)")
            self._on_ignored_exit()
        else:
            self._end(endings.gone(role, code, text))

    def _on_ignored_exit(self) -> None:
        if all(role.state is State.ENDED for role in self._roles.values()):
            self._end(Ending(0, "every role has ended", is_failure=False))
        else:
            self._settled()

    def _on_restartable_exit(self, role: Role, code: int, lived: str) -> None:
        pause_s = role.pause_after_exit()
        if pause_s is None:
            self._end(endings.crash_loop(role, code))
            return
        self._report.bad(
            f"{role.name} ended after {lived}: {exit_words(code)}; starting it again in {seconds(pause_s)}"
        )
        role.enter(State.PAUSED)
        self._news.tell("pause", role, f"starting it again in {seconds(pause_s)}")
        role.restart_timer = self._loop.call_later(pause_s, partial(self._restart, role))

    def _restart(self, role: Role) -> None:
        """Start the role anew, once nothing of its last life is left to hold its port or its pipe."""
        if self._ending is not None or role.mark is None:
            return
        for pid in role.mark.members():
            send(pid, signal.SIGKILL)
        self._start_again(role)

    def _start_again(self, role: Role) -> None:
        self._close_pipe(role)
        self._hearing.close(role)
        role.restarts += 1
        if self._start(role):
            self._awaiting.begin(role)

    # -- ending

    def _on_signal(self, signum: int) -> None:
        if self._terminal.take(signum):
            return
        if self._stopping is not None:
            self._report.bad(f"{signal_name(signum)} again: killing what is left")
            self._stopping.force()
            return
        sentence = f"stopped by {'Ctrl-C' if signum == signal.SIGINT else signal_name(signum)}"
        self._end(Ending(SIGNAL_EXIT_BASE + signum, sentence, is_failure=False))

    def _on_abandoned(self) -> None:
        self._loop.remove_reader(self._lifeline)
        sentence = "the launcher was killed; its roles were stopped"
        self._end(Ending(SIGNAL_EXIT_BASE + signal.SIGKILL, sentence))
        assert self._stopping is not None
        self._stopping.limit_grace(_ABANDONED_GRACE_S)

    def _end(self, ending: Ending) -> None:
        """Stop everything; the first reason given is the run's."""
        if self._ending is not None:
            return
        self._ending = ending
        self._news.tell("stop", None, ending.sentence, ending.exit_code)
        self._notify_upward(f"STOPPING=1\nSTATUS={ending.sentence}")
        running = [role for role in self._roles.values() if role.is_alive]
        others = f"; stopping {counted(len(running), 'role')}" if running else ""
        (self._report.bad if ending.is_failure else self._report.note)(f"{ending.sentence}{others}")
        for role in self._roles.values():
            role.forget_watches()
            if role.restart_timer is not None:
                role.restart_timer.cancel()
        self._steering.cancel()
        self._stopping = Stopping(self._loop, self._roles.values(), self._on_forced, self._on_stopped)
        # From the loop, not from within whatever noticed: a failing start must unwind first.
        self._loop.post(self._stopping.begin)

    def _on_reaped(self, any_left: bool) -> None:
        if self._stopping is not None:
            self._stopping.reaped(any_left)
        else:
            self._steering.reaped()

    def _on_forced(self, names: list[str]) -> None:
        for name in names:
            self._news.tell("killed", self._roles[name], "killed, since its stop signal was not enough")
        if names:
            self._report.bad(f"killed, since the stop signal was not enough: {', '.join(names)}")

    def _on_stopped(self, survivors: list[str]) -> None:
        if survivors:
            self._report.bad(f"could not be ended, not even by SIGKILL: {', '.join(survivors)}")
        self._loop.stop()

    def _close(self) -> None:
        for role in self._roles.values():
            self._kept.leave(role, is_to_stop=self._steering.is_going_down)
            self._close_pipe(role)
        if self._run_dir.persists:
            # Whoever follows a keeper takes the end of its socket for the end of everything, the last words included.
            self._report.flush()
        self._steering.close()
        self._record.close()
        for role in self._roles.values():
            self._hearing.close(role)
            if role.relay is not None:
                role.relay.close()
        self._terminal.close()
        self._loop.close()
