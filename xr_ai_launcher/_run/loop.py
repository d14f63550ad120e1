"""A small event loop: file descriptors, timers, signals and exits of children, and nothing that polls.

asyncio does the same and more; importing it costs more than starting twenty roles does.
"""

import contextlib
import heapq
import itertools
import os
import select
import signal
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

Callback = Callable[[], None]
ExitCallback = Callable[[int], None]
"""Called with the return code: the exit status, or minus the signal that killed the child."""

_WAKE_BYTES = 4096


class Timer:
    """A callback that is due at a time of the monotonic clock; `cancel` takes it back."""

    __slots__ = ("_callback", "due_s")

    def __init__(self, due_s: float, callback: Callback) -> None:
        self.due_s = due_s
        self._callback: Callback | None = callback

    def cancel(self) -> None:
        """Make the timer do nothing. Harmless when it has fired."""
        self._callback = None

    @property
    def is_active(self) -> bool:
        """Whether it is still to fire."""
        return self._callback is not None

    def hand_over(self) -> Callback:
        """Return the callback, which is another timer's from now on."""
        callback, self._callback = self._callback, None
        return callback or (lambda: None)

    def fire(self) -> None:
        """Run the callback once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Loop:
    """Runs callbacks in one thread until `stop`. It takes over the signals it is given and reaps every child."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._readers: dict[int, Callback] = {}
        self._writers: dict[int, Callback] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._posted: deque[Callback] = deque()
        self._children: dict[int, ExitCallback] = {}
        self._on_signal: Callable[[int], None] = lambda _signum: None
        self.on_reaped: Callable[[bool], None] = lambda _any_left: None
        """Called after ended children were collected, with whether any child is left."""
        self._is_running = False
        self._wake_read, self._wake_write = os.pipe()
        for fd in (self._wake_read, self._wake_write):
            os.set_blocking(fd, False)
        self.add_reader(self._wake_read, self._woken)

    def take_signals(self, signums: Iterable[int], callback: Callable[[int], None]) -> None:
        """Unblock these signals, and SIGCHLD, and deliver them to the loop (main thread only)."""
        self._on_signal = callback
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        taken = (*signums, signal.SIGCHLD)
        for signum in taken:
            signal.signal(signum, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, taken)

    def add_reader(self, fd: int, callback: Callback) -> None:
        """Call back whenever ``fd`` can be read, or its other end is closed."""
        self._readers[fd] = callback
        self._epoll.register(fd, select.EPOLLIN)

    def remove_reader(self, fd: int) -> None:
        """Stop watching ``fd``; call it before closing the descriptor."""
        self._writers.pop(fd, None)
        if self._readers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def add_writer(self, fd: int, callback: Callback) -> None:
        """Call back whenever ``fd``, which has a reader already, takes more."""
        self._writers[fd] = callback
        self._epoll.modify(fd, select.EPOLLIN | select.EPOLLOUT)

    def remove_writer(self, fd: int) -> None:
        """Stop waiting for ``fd`` to take more; its reader stays."""
        if self._writers.pop(fd, None) is not None:
            self._epoll.modify(fd, select.EPOLLIN)

    def call_later(self, delay_s: float, callback: Callback) -> Timer:
        """Call back once, ``delay_s`` seconds from now."""
        timer = Timer(monotonic() + delay_s, callback)
        heapq.heappush(self._timers, (timer.due_s, next(self._order), timer))
        return timer

    def postpone(self, timer: Timer, delay_s: float) -> Timer:
        """Have an active timer fire ``delay_s`` seconds from now instead; return what stands for it."""
        return self.call_later(delay_s, timer.hand_over())

    def watch_child(self, pid: int, callback: ExitCallback) -> None:
        """Call back when the child has ended and is reaped."""
        self._children[pid] = callback

    def post(self, callback: Callback) -> None:
        """Run a callback in the loop; safe from any thread."""
        self._posted.append(callback)
        with contextlib.suppress(BlockingIOError):  # the pipe is full of wake-ups already
            os.write(self._wake_write, b"\0")

    def reap(self) -> bool:
        """Collect every ended child, adopted ones included. Returns whether any child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            callback = self._children.pop(pid, None)
            if callback is not None:
                callback(os.waitstatus_to_exitcode(status))

    def run(self) -> None:
        """Serve events until `stop` is called."""
        self._is_running = True
        while self._is_running:
            self._serve_once()

    def stop(self) -> None:
        """End `run` after the current callbacks."""
        self._is_running = False

    def close(self) -> None:
        """Give the descriptors back; the signals stay silenced, since the process is about to end."""
        signal.set_wakeup_fd(-1)
        self._epoll.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _serve_once(self) -> None:
        for fd, events in self._epoll.poll(self._until_next_timer_s()):
            callback = self._writers.get(fd) if events & select.EPOLLOUT else None
            if callback is not None:
                callback()
            callback = self._readers.get(fd) if events & ~select.EPOLLOUT else None
            if callback is not None:
                callback()
        while self._posted:
            self._posted.popleft()()
        now = monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2].fire()

    def _until_next_timer_s(self) -> float | None:
        while self._timers and not self._timers[0][2].is_active:
            heapq.heappop(self._timers)
        if self._posted:
            return 0.0
        return max(0.0, self._timers[0][0] - monotonic()) if self._timers else None

    def _woken(self) -> None:
        signums = set(os.read(self._wake_read, _WAKE_BYTES))
        for signum in sorted(signums - {0, signal.SIGCHLD}):
            self._on_signal(signum)
        if signal.SIGCHLD in signums:
            self.on_reaped(self.reap())
