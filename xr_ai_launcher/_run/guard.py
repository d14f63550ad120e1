"""The guardian: makes sure that nothing outlives a piece of work, whichever processes are killed, and however.

The work runs in a forked process, the *supervisor*, which is the parent of everything it starts and, as a subreaper, of
everything those leave behind. The process that the user knows stays as its *guardian*: it passes signals on, waits, and
is a subreaper too. Between the two stands a *witness* that does the same once more. So whichever one or two of them are
killed, also at the same instant, one is left that ends the whole family:

- the supervisor is killed: the kernel hands its children to the witness, or else to the guardian, which ends them;
- the guardian or the witness is killed: the pipe to the supervisor closes (the *lifeline*), which ends everything;
- witness and supervisor have sessions and names of their own, so that killing a group or a name spares one.

Only SIGKILL for all three at the same instant leaves roles behind; `xrstack ps` then names them and `down` ends them.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic, sleep

from xr_ai_launcher._run.linux import children_of, descendants_of, process_info, rename_process, set_subreaper
from xr_ai_launcher._run.signals import send

TYPE_CHECKING = False  # typing costs 4 ms
if TYPE_CHECKING:
    from typing import NoReturn, Self

FORWARDED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks for the end."""
_JOB_CONTROL = (signal.SIGTSTP, signal.SIGCONT)
# The kernel tells of these only who is in the terminal's foreground; the supervisor has no terminal of its own.
_PASSED_ON = (*FORWARDED_SIGNALS, signal.SIGWINCH)
_WITNESS_TITLE = "stack-witness"

Work = Callable[[int], int]
"""Gets the lifeline (readable, at its end, once the guardian is gone) and returns an exit code."""

_POLITE_S = 1.0
_SWEEP_TIMEOUT_S = 5.0
# Only the emergency sweep polls: it must see the exits of processes that are not its children.
_SWEEP_STEP_S = 0.01
_BUG_EXIT_CODE = 3
_WAKE_BYTES = 4096


def run_guarded(
    work: Work,
    *,
    title: str,
    job_control: bool = False,
    has_table: bool = False,
    clean_up: Callable[[], None] = lambda: None,
) -> int:
    """Run ``work`` in a supervisor process called ``title``; return its exit code, or minus the signal that killed it.

    Meanwhile SIGINT, SIGTERM and SIGHUP go to the supervisor (an ignored SIGHUP stays so, as nohup wants it). When
    this returns, no process that the work started is left. With ``job_control`` Ctrl-Z (SIGTSTP) is the supervisor's
    matter: it stops this process when it has left the terminal in order; and with ``has_table`` this process does not
    go on in the background.
    ``clean_up`` is called by whoever finds the supervisor killed, perhaps in another process.
    """

    def witness(lifeline: int) -> int:
        code = _guard(work, title, _Signals(is_inner=True, job_control=job_control), lifeline)
        if code < 0:
            clean_up()
        return code

    return _guard(witness, _WITNESS_TITLE, _Signals(job_control=job_control, has_table=has_table))


def _guard(work: Work, title: str, signals: _Signals, outer: int = -1) -> int:
    """Fork, and wait for what is forked. ``outer`` is the lifeline to who guards this process."""
    _open_standard_files()
    family_before = frozenset(children_of(os.getpid()))
    was_subreaper = set_subreaper(True)
    lifeline, our_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # Pages that the collector leaves alone stay shared by the two processes, and the interpreter ends in a fifth of
    # the time: what exists now lives as long as the process anyway.
    gc.freeze()
    with signals, ExitStack() as cut:
        cut.callback(os.close, our_end)
        pid = os.fork()
        if pid == 0:
            os.close(our_end)
            if outer >= 0:
                os.close(outer)
            _supervise(work, lifeline, title)
        os.close(lifeline)
        try:
            return signals.forward_until_ended(pid, outer, cut.close)
        finally:
            end_family(family_before)
            set_subreaper(was_subreaper)


def _supervise(work: Work, lifeline: int, title: str) -> NoReturn:
    """The rest of a forked process' life. Nothing of its caller's runs in it any more: no handlers, no exits."""
    code = _BUG_EXIT_CODE
    try:
        os.setsid()
        set_subreaper(True)
        rename_process(title)
        code = work(lifeline)
    except BaseException:
        # The border of a process: there is nobody above to hand the exception to.
        sys.excepthook(*sys.exc_info())
        end_family(frozenset())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if code < 0:
            _end_as(-code)
        os._exit(code)


def _end_as(signum: int) -> None:
    """End by the signal that ended who was guarded, so that the next one hears of it."""
    with contextlib.suppress(OSError):  # SIGKILL has no handler to set
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signum})
    os.kill(os.getpid(), signum)


class _Signals:
    """Keeps signals from taking effect here and passes them on; none is lost, from before the fork to the end.

    They are heard through a descriptor, beside the supervisor's own: a handler alone could run just before a blocking
    wait begins, and its news would then wait as well. Outside the main thread Python allows no handlers, and the
    lifeline must do.
    """

    def __init__(self, *, is_inner: bool = False, job_control: bool = False, has_table: bool = False) -> None:
        """``is_inner``: the signals come from a guardian, not from the user."""
        self._is_inner = is_inner
        self._has_table = has_table
        self._passed_on = (*_PASSED_ON, *_JOB_CONTROL) if job_control else _PASSED_ON
        self._is_ending = False
        threads = sys.modules.get("threading")  # where nobody has loaded it there is but one
        self._is_possible = threads is None or threads.current_thread() is threads.main_thread()
        self._restore = ExitStack()

    def __enter__(self) -> Self:
        if self._is_possible:
            old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED_SIGNALS)
            self._restore.callback(signal.pthread_sigmask, signal.SIG_SETMASK, old_mask)
            self._open_mask = old_mask - {*self._passed_on} if self._is_inner else old_mask
        return self

    def __exit__(self, *_: object) -> None:
        self._restore.close()

    def forward_until_ended(self, pid: int, outer: int, cut: Callable[[], None]) -> int:
        """Wait for the process and return its exit code; ``cut`` its lifeline when ours (``outer``) ends."""
        if self._is_possible:
            self._forward(pid, outer, cut)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def _forward(self, pid: int, outer: int, cut: Callable[[], None]) -> None:
        pidfd = os.pidfd_open(pid)
        self._restore.callback(os.close, pidfd)
        news = self._take_over()
        poll = select.poll()
        for fd in (news, pidfd, *([outer] if outer >= 0 else [])):
            poll.register(fd, select.POLLIN)
        while pidfd not in (events := dict(poll.poll())):
            if outer in events:
                cut()
                poll.unregister(outer)
            if news in events:
                heard = set(os.read(news, _WAKE_BYTES))
                self._is_ending = self._is_ending or not heard.isdisjoint(FORWARDED_SIGNALS)
                for signum in heard.intersection(self._passed_on):
                    self._pass_on(signum, pid)

    def _pass_on(self, signum: int, pid: int) -> None:
        if signum not in _JOB_CONTROL:
            send(pid, signum)
        elif signum == signal.SIGCONT and self._has_table and not self._is_ending and not _is_in_foreground():
            os.kill(os.getpid(), signal.SIGSTOP)  # as programs do that draw: the terminal is somebody else's now
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)

    def _take_over(self) -> int:
        """Have all signals reported on a descriptor, and return it."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        for fd in (wake_read, wake_write):
            self._restore.callback(os.close, fd)
        self._restore.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False))
        for signum in self._passed_on:
            handler = signal.getsignal(signum)
            if signum in (signal.SIGHUP, signal.SIGTSTP) and handler == signal.SIG_IGN:
                continue  # nohup, or a shell without job control: stays ignored
            signal.signal(signum, lambda *_: None)
            self._restore.callback(signal.signal, signum, handler if handler is not None else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._open_mask)
        return wake_read


def _is_in_foreground() -> bool:
    """Whether the terminal, if this process has one, is its own now."""
    for fd in (0, 1, 2):
        with contextlib.suppress(OSError):
            return os.tcgetpgrp(fd) == os.getpgrp()
    return True


def end_family(family_before: frozenset[int] = frozenset()) -> None:
    """End every process below this one that is not of its session: politely for a second, then by force."""
    force_at, give_up_at = monotonic() + _POLITE_S, monotonic() + _SWEEP_TIMEOUT_S
    asked: set[int] = set()
    while orphans := _orphans(family_before):
        now = monotonic()
        if now > give_up_at:
            return
        for pid in orphans:
            if now > force_at:
                send(pid, signal.SIGKILL)
            elif pid not in asked:
                send(pid, signal.SIGTERM)
        asked.update(orphans)
        _reap(orphans)
        sleep(_SWEEP_STEP_S)


def _orphans(family_before: frozenset[int]) -> list[int]:
    """Everything below the children that came to us since: what the supervisor left, in sessions of their own."""
    us = os.getpid()
    our_session = os.getsid(0)
    adopted = []
    for child in children_of(us):
        info = process_info(child)
        if child not in family_before and info is not None and info.session != our_session:
            adopted.append(child)
    return [pid for child in adopted for pid in (child, *descendants_of(child))]


def _reap(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ChildProcessError):  # not our own child, or gone already
            os.waitpid(pid, os.WNOHANG)


def _open_standard_files() -> None:
    """Make sure that 0, 1 and 2 are taken, or a pipe of ours could become a child's stdout."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
