"""What every launcher has to do: start, idle, fail, be stopped, be killed, carry output."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from launcher_peers import Peer, base_env
from launcher_processes import (
    TAG,
    Launched,
    cpu_delta_ms,
    cpu_s,
    launcher_pids,
    mem_kb,
    oncpu,
    roles_alive,
    wait_until,
)

START_TIMEOUT_S = 30
FAIL_TIMEOUT_S = 10
LOG_TIMEOUT_S = 60
SETTLE_S = 3  # orphans are counted this long after the launcher is gone

ROLE_SH = r"""#!/bin/sh
# role.sh DIR TAG NAME MODE
D=$1; LB_TAG=$2; N=$3; M=$4
export LB_TAG
gc() { LB_KIND=$1 env --default-signal=INT,QUIT sleep 600 & }
case $M in
sleep)    ;;
nohup)    trap '' HUP ;;
plain)    gc gc_plain ;;
stubborn) gc gc_plain; trap '' TERM INT ;;
gcstub)   (trap '' TERM INT HUP; LB_KIND=gc_stubborn; export LB_KIND; exec sleep 600) & ;;
gcsetsid) LB_KIND=gc_setsid setsid sleep 600 & ;;
fail)     : > "$D/$N.ts"
          while [ ! -e "$D/go" ]; do sleep 0.01; done
          : > "$D/fail.ts"; exit 7 ;;
log)      LB_KIND=main; export LB_KIND; exec "$LB_PY" "$D/gen.py" "$D" "$N" "$LB_LINES" ;;
esac
: > "$D/$N.ts"
LB_KIND=main_$M; export LB_KIND
exec sleep 600
"""

GEN_PY = r"""
import os, sys, time
d, name, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
pad = "x" * (100 - 1 - 11 - 4)
open(f"{d}/{name}.ts", "w").close()
t0 = time.time()
buf, size = [], 0
def put(data):
    v = memoryview(data)
    while v:
        v = v[os.write(1, v):]
for i in range(n):
    buf.append(f"LB{i:08d}:{pad}:END\n")
    if len(buf) == 640:
        put("".join(buf).encode()); buf = []
put("".join(buf).encode())
t1 = time.time()
with open(f"{d}/log.tmp", "w") as f: f.write(f"{t0} {t1}")
os.rename(f"{d}/log.tmp", f"{d}/log.done")
time.sleep(600)
"""
LINE_RE = re.compile(rb"LB(\d{8}):x{84}:END")
ANY_RE = re.compile(rb"LB(\d{8}):")


class Bench:
    def __init__(self, args):
        self.a = args
        self.root = Path(tempfile.mkdtemp(prefix="lb-"))
        self.n = 0

    def launch(self, peer: Peer, modes: list[str], ff: bool, log: bool):
        self.n += 1
        tag = f"{TAG}-{self.n:04d}"
        d = self.root / f"{self.n:03d}"
        d.mkdir()
        (d / "role.sh").write_text(ROLE_SH)
        (d / "gen.py").write_text(GEN_PY)
        roles = [(f"r{i:02d}", ["sh", str(d / "role.sh"), str(d), tag, f"r{i:02d}", m]) for i, m in enumerate(modes)]
        argv = peer.prepare(d, roles, ff, log)
        env = base_env(d) | {"LB_TAG": tag, "LB_PY": sys.executable, "LB_LINES": str(self.a.lines)} | peer.env(d)
        return d, Launched(argv, env, str(d), peer.use_pty, d / "stdout", tag)

    def all_started(self, d: Path, n: int) -> bool:
        return sum(1 for e in os.scandir(d) if e.name.endswith(".ts")) >= n

    def tail(self, d: Path) -> str:
        try:
            return (d / "stdout").read_bytes()[-300:].decode(errors="replace")
        except OSError:
            return ""

    def modes(self) -> list[str]:
        n = self.a.n
        return ["sleep"] * (n - n // 5) + ["nohup"] * (n // 5)

    def start(self, peer: Peer) -> dict:
        n = self.a.n
        d, L = self.launch(peer, self.modes(), False, False)
        try:
            if not wait_until(lambda: self.all_started(d, n), START_TIMEOUT_S, 0.02):
                return {"error": f"roles did not all start in {START_TIMEOUT_S} s; {self.tail(d)}"}
            ts = sorted((d / f"r{i:02d}.ts").stat().st_mtime for i in range(n))
            return {"start_all_ms": (ts[-1] - L.t0) * 1e3, "start_first_ms": (ts[0] - L.t0) * 1e3}
        finally:
            L.close()
            shutil.rmtree(d, ignore_errors=True)

    def idle_kill(self, peers: list[Peer]) -> list[dict]:
        """One launch of each peer, idle side by side (no two of one runtime, or PSS would be
        shared between them), then SIGKILL for each launcher."""
        runs, res = [], []
        try:
            for p in peers:
                d, L = self.launch(p, self.modes(), False, False)
                runs.append((d, L))
                res.append(
                    {}
                    if wait_until(lambda d=d: self.all_started(d, self.a.n), START_TIMEOUT_S, 0.02)
                    else {"error": self.tail(d)}
                )
            time.sleep(3)
            pids = [launcher_pids(L.tag) for _, L in runs]
            c0 = [{q: oncpu(q) for q in ps} for ps in pids]
            t = time.time()
            time.sleep(self.a.idle_s)
            c1 = [sum(cpu_delta_ms(c0[i][q], oncpu(q)) for q in ps) for i, ps in enumerate(pids)]
            dt = time.time() - t
            for i, (_, L) in enumerate(runs):
                mem = [mem_kb(q) for q in pids[i]]
                res[i] |= {
                    "idle_cpu_ms_per_10s": c1[i] * 10 / dt,
                    "launcher_procs": len(pids[i]),
                    "idle_rss_main_mb": mem_kb(L.p.pid)[0] / 1024,
                    "idle_pss_all_mb": sum(m[1] for m in mem) / 1024,
                }
            for _, L in runs:
                L.p.kill()
            time.sleep(SETTLE_S)
            for i, (_, L) in enumerate(runs):
                alive = roles_alive(L.tag)
                res[i] |= {
                    "sigkill_orphans": sum(alive.values()),
                    "sigkill_orphans_by_kind": alive,
                    "sigkill_helpers_left": len([q for q in launcher_pids(L.tag) if q != L.p.pid]),
                }
            return res
        finally:
            for d, L in runs:
                L.close()
                shutil.rmtree(d, ignore_errors=True)

    def fail(self, peer: Peer, hostile: bool, stop: bool = False) -> dict:
        """One role fails, or (stop) the launcher is told to stop; when is everything gone?"""
        n = self.a.n
        if hostile:
            k = (n - 1) // 5
            modes = ["stubborn"] * k + ["gcstub"] * k + ["gcsetsid"] * (k // 2)
            modes = ["plain" if stop else "fail"] + modes + ["plain"] * (n - 1 - len(modes))
        else:
            modes = ["fail"] + ["sleep"] * (n - 1)
        d, L = self.launch(peer, modes, not stop, False)
        r: dict = {}
        try:
            if not wait_until(lambda: self.all_started(d, n), START_TIMEOUT_S, 0.02):
                return {"error": f"roles did not all start; {self.tail(d)}"}
            time.sleep(1.0)
            if stop:
                t_fail = time.time()
                L.p.terminate()
            else:
                (d / "go").touch()
                wait_until(lambda: (d / "fail.ts").exists(), 5, 0.005)
                t_fail = (d / "fail.ts").stat().st_mtime
            try:
                rc = L.p.wait(timeout=FAIL_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                r["exited"] = False
                r["roles_alive_after_timeout"] = sum(roles_alive(L.tag).values())
                r["tail"] = self.tail(d)
                return r
            t_exit = time.time()
            r["exited"] = True
            r["exit_code"] = rc
            r["exit_ms"] = (t_exit - t_fail) * 1e3
            left = roles_alive(L.tag)
            r["alive_at_exit"] = sum(left.values())
            if left:
                time.sleep(SETTLE_S)
                left = roles_alive(L.tag)
            r["orphans"] = sum(left.values())
            r["orphans_by_kind"] = left
            r["helpers_left"] = len(launcher_pids(L.tag))
            return r
        finally:
            L.close()
            shutil.rmtree(d, ignore_errors=True)

    def log(self, peer: Peer) -> dict:
        d, L = self.launch(peer, ["log"], False, True)
        r: dict = {}
        want = self.a.lines
        try:

            def size():
                return sum(p.stat().st_size for p in peer.sinks(d) if p.exists())

            end, last, last_t, done_t = time.time() + LOG_TIMEOUT_S, -1, time.time(), None
            while time.time() < end:
                s = size()
                now = time.time()
                if s != last:
                    last, last_t = s, now
                if (d / "log.done").exists():
                    done_t = done_t or now
                    if now - max(last_t, done_t) > 1.0:
                        break
                time.sleep(0.01)
            if not (d / "log.done").exists():
                return {"error": f"log role not done in {LOG_TIMEOUT_S} s; {self.tail(d)[:200]}"}
            t0, t1 = map(float, (d / "log.done").read_text().split())
            r["log_wall_s"] = max(last_t, t1) - t0
            r["log_role_blocked_s"] = t1 - t0
            r["log_cpu_s"] = sum(cpu_s(p) for p in launcher_pids(L.tag))
            data = b"".join(p.read_bytes() for p in peer.sinks(d) if p.exists())
            whole = {m.group(1) for m in LINE_RE.finditer(data)}
            seen = {m.group(1) for m in ANY_RE.finditer(data)}
            r["log_lost"] = want - len(seen)
            r["log_torn"] = len(seen) - len(whole)
            return r
        finally:
            L.close()
            shutil.rmtree(d, ignore_errors=True)
