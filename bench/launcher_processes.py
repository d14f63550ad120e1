"""Processes of the launcher benchmark: started with a tag, found by it, measured, and all gone afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
import uuid
from pathlib import Path

TAG = "lb" + uuid.uuid4().hex
CLK = os.sysconf("SC_CLK_TCK")


def scan(tag: str) -> dict[int, str]:
    """pid -> LB_KIND ('' for the launcher's own processes) of every live process with the tag.

    A launch's tag is TAG-NNN; TAG itself matches every launch of this benchmark."""
    found, want = {}, f"LB_TAG={tag}".encode() + (b"" if tag == TAG else b"\0")
    for e in os.scandir("/proc"):
        if not e.name.isdigit() or int(e.name) == os.getpid():
            continue
        try:
            with open(f"/proc/{e.name}/environ", "rb") as f:
                env = f.read()
        except OSError:
            continue
        if want not in env + b"\0":
            continue
        kind = ""
        for item in env.split(b"\0"):
            if item.startswith(b"LB_KIND="):
                kind = item[8:].decode()
        found[int(e.name)] = kind
    return found


def roles_alive(tag: str) -> dict[str, int]:
    out: dict[str, int] = {}
    for kind in scan(tag).values():
        if kind:
            out[kind] = out.get(kind, 0) + 1
    return out


def reap_all(tag: str = TAG) -> int:
    """SIGKILL, by pid, every process this benchmark started; returns how many there were."""
    n, end = 0, time.time() + 8
    while time.time() < end:
        pids = scan(tag)
        if not pids:
            return n
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
                n += 1
            except OSError:
                pass
        time.sleep(0.05)
    return n


def cpu_s(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            v = f.read().rsplit(b")", 1)[1].split()
        return (int(v[11]) + int(v[12])) / CLK
    except (OSError, IndexError):
        return 0.0


def mem_kb(pid: int) -> tuple[int, int]:
    """(RSS, PSS) in KiB."""
    rss = pss = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            for line in f:
                if line.startswith("Rss:"):
                    rss = int(line.split()[1])
                elif line.startswith("Pss:"):
                    pss = int(line.split()[1])
    except OSError:
        pass
    return rss, pss


def launcher_pids(tag: str) -> list[int]:
    return [p for p, kind in scan(tag).items() if not kind]


def oncpu(pid: int) -> tuple[float, frozenset[str], float]:
    """(CPU ms to the nanosecond over the live threads, which threads, CPU ms in 10 ms ticks)."""
    ns, tids = 0, []
    try:
        for t in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{t}/schedstat") as f:
                ns += int(f.read().split()[0])
            tids.append(t)
    except (OSError, ValueError, IndexError):
        tids = []
    return ns / 1e6, frozenset(tids), cpu_s(pid) * 1e3


def cpu_delta_ms(a, b) -> float:
    """Threads that came or went make the precise figure wrong; then the ticks are used."""
    return b[0] - a[0] if a[1] and a[1] == b[1] else b[2] - a[2]


class Launched:
    def __init__(self, argv, env, cwd, use_pty, out: Path, tag: str):
        self.tag = tag
        self.t0 = time.time()
        self.master = None
        self.rc = None
        self._stop = False
        f = open(out, "wb")  # noqa: SIM115  # the draining thread closes it
        if use_pty:
            self.master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
            self.p = subprocess.Popen(
                argv,
                env=env,
                cwd=cwd,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
            os.close(slave)
            threading.Thread(target=self._drain, args=(f,), daemon=True).start()
        else:
            self.p = subprocess.Popen(
                argv,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=f,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            f.close()

    def _drain(self, f):
        with f:
            while not self._stop:
                try:
                    if select.select([self.master], [], [], 0.2)[0]:
                        data = os.read(self.master, 65536)
                        if not data:
                            return
                        f.write(data)
                        f.flush()
                        if b"\x1b[6n" in data:  # cursor position query
                            os.write(self.master, b"\x1b[1;1R")
                        if b"\x1b[c" in data:  # device attributes query
                            os.write(self.master, b"\x1b[?62c")
                except OSError:
                    return

    def close(self):
        self._stop = True
        if self.p.poll() is None:
            self.p.kill()
        reap_all(self.tag)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.p.wait(timeout=5)
        if self.master is not None:
            time.sleep(0.25)
            os.close(self.master)


def wait_until(cond, timeout: float, step: float = 0.01) -> bool:
    end = time.time() + timeout
    while time.time() < end:
        if cond():
            return True
        time.sleep(step)
    return bool(cond())
