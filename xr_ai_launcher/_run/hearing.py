"""Takes in what roles say of themselves on their notify sockets: readiness, status, signs of life (sd_notify(3))."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic

from xr_ai_launcher._run.loop import Loop
from xr_ai_launcher._run.members import RoleMark
from xr_ai_launcher._run.news import News
from xr_ai_launcher._run.report import Report
from xr_ai_launcher._run.role import Role, State
from xr_ai_launcher._run.signals import send
from xr_ai_launcher._run.watchdog import Watchdog
from xr_ai_launcher._run.words import seconds
from xr_ai_launcher._stack.plan import NotifyProbe

_US = 1e6  # microseconds in a second
# So long a program may take to say where it hangs, before the others are stopped without waiting for its end.
_ABORT_PATIENCE_S = 2.0


class Hearing:
    """Hears the roles of one run."""

    def __init__(
        self,
        loop: Loop,
        news: News,
        report: Report,
        *,
        on_ready: Callable[[Role], None],
        on_reason: Callable[[Role, str], None],
        on_hung: Callable[[Role], None],
    ) -> None:
        """``on_hung``: a role that must not fail owes a sign of life and does not even end when told to abort."""
        self._loop = loop
        self._news = news
        self._report = report
        self._on_ready = on_ready
        self._on_reason = on_reason
        self._on_hung = on_hung

    def open(self, role: Role) -> None:
        """Begin to hear a life of the role that was just started."""
        if role.notify is None:
            return
        receive = partial(role.notify.receive, partial(self._take, role), partial(self._on_stranger, role))
        self._loop.add_reader(role.notify.fileno(), receive)
        if role.plan.watchdog_s is not None:
            role.watchdog = Watchdog(self._loop, role.plan.watchdog_s, partial(self._silent, role))

    def close(self, role: Role) -> None:
        """Hear that life no more: what it still said is not the next one's."""
        if role.notify is not None:
            self._loop.remove_reader(role.notify.fileno())
            role.notify.close()
            role.notify = None

    def status(self, role: Role, text: str) -> None:
        """Take note of a status line, also one that somebody else heard."""
        if text == role.status:
            return
        role.status = text
        self._news.tell("status", role, text)
        if role.state is State.STARTING and text:  # later it is a matter of the table: some say it every second
            self._report.progress(f"{role.name}: {text}")

    def _take(self, role: Role, fields: Mapping[str, str]) -> None:
        is_ready = fields.get("READY") == "1" and isinstance(role.plan.ready, NotifyProbe)
        # "loading 95 %" is over with readiness, also for a program that does not say so.
        self.status(role, fields.get("STATUS", "" if is_ready and role.state is State.STARTING else role.status))
        if role.watchdog is not None:
            self._take_signs(role.watchdog, fields)
        patience_us = fields.get("EXTEND_TIMEOUT_USEC", "")
        if patience_us.isdecimal() and role.state is State.STARTING:
            _extend(role, int(patience_us) / _US, self._loop)
        if is_ready:
            self._on_ready(role)

    def _take_signs(self, watchdog: Watchdog, fields: Mapping[str, str]) -> None:
        pace_us = fields.get("WATCHDOG_USEC", "")
        if pace_us.isdecimal():
            watchdog.change(int(pace_us) / _US)
        match fields.get("WATCHDOG"):
            case "1":
                watchdog.hear()
            case "trigger":
                watchdog.trigger()

    def _on_stranger(self, role: Role, pid: int) -> None:
        self._on_reason(role, f"process {pid} said READY=1 but is not (or no longer) a process of this role")

    def _silent(self, role: Role, is_triggered: bool) -> None:
        assert role.watchdog is not None
        watchdog = role.watchdog
        if is_triggered:
            sentence = f"{role.name} says itself that it hangs (WATCHDOG=trigger)"
        else:
            age = seconds(watchdog.silence_s)
            said = f"gave its last sign of life {age} ago" if watchdog.has_heard else f"gave no sign of life for {age}"
            sentence = f"{role.name} {said} (watchdog: {seconds(watchdog.timeout_s)})"
        role.silence = sentence
        self._report.bad(f"{sentence}; ending it")
        self._news.tell("silent", role, sentence)
        if role.is_alive and role.mark is not None:
            # As systemd does: SIGABRT lets a program say where it hangs. Its exit decides what happens then.
            send(role.mark.leader, signal.SIGABRT)
            is_vital = role.plan.on_exit == "fail"
            patience_s = _ABORT_PATIENCE_S if is_vital else role.plan.stop_grace_s
            self._loop.call_later(patience_s, partial(self._insist, role, role.mark, is_vital))

    def _insist(self, role: Role, mark: RoleMark, is_vital: bool) -> None:
        if not role.is_alive or role.mark is not mark:
            return
        if is_vital:
            self._on_hung(role)
        else:
            for pid in mark.members():
                send(pid, signal.SIGKILL)


def _extend(role: Role, patience_s: float, loop: Loop) -> None:
    """Give a role that gets ready at least this time from now."""
    if role.deadline is not None and role.deadline.due_s < monotonic() + patience_s:
        role.deadline = loop.postpone(role.deadline, patience_s)
