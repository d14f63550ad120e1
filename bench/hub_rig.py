"""The driver's side: worker processes, and one hub with its connector and agents."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_WORKER = Path(__file__).with_name("hub_worker.py")


class Proc:
    def __init__(self, spec, workdir, opts, log):
        self.p = subprocess.Popen(
            [sys.executable, str(_WORKER), spec, workdir, json.dumps(opts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self.p.stdout.readline()

    def post(self, cmd, **kw):
        self.p.stdin.write(json.dumps({"cmd": cmd, **kw}) + "\n")
        self.p.stdin.flush()

    def get(self):
        line = self.p.stdout.readline()
        if not line:
            return {"error": f"process ended ({self.p.poll()})"}
        r = json.loads(line)
        return r.get("ok", r) if "ok" in r else r

    def __call__(self, cmd, **kw):
        self.post(cmd, **kw)
        return self.get()

    def kill(self, sig=signal.SIGKILL):
        self.p.send_signal(sig)
        self.p.wait()

    def quit(self):
        if self.p.poll() is None:
            try:
                self.p.stdin.write('{"cmd":"quit"}\n')
                self.p.stdin.flush()
                self.p.wait(3)
            except (subprocess.TimeoutExpired, BrokenPipeError):
                self.p.kill()
                self.p.wait()


class Rig:
    """One hub, one connector (same or separate process) and n agents."""

    def __init__(self, spec, topology, agents=1, pids=("p0",), slots=10, max_frame_bytes=12_441_600):
        self.spec, self.dir = spec, tempfile.mkdtemp(prefix="hubbench-")
        self.opts = {"slots": slots, "max_frame_bytes": max_frame_bytes}
        self.logpath = os.path.join(self.dir, "log")
        self.log = open(self.logpath, "ab")  # noqa: SIM115 - closed by close()
        self.hub = self.spawn()
        self.hub("start_hub")
        self.conn = self.hub if topology == "shared" else self.spawn()
        self.conn("start_conn")
        self.agents = [self.spawn() for _ in range(agents)]
        for a in self.agents:
            a("start_agent")
            a("subscribe", pids=list(pids))
        time.sleep(0.3)
        self.conn("join", pids=list(pids))
        time.sleep(0.3)

    def spawn(self):
        return Proc(self.spec, self.dir, self.opts, self.log)

    def procs(self):
        return list({id(p): p for p in [self.hub, self.conn, *self.agents]}.values())

    def cpu(self):
        return [p("stats")["cpu"] for p in self.procs()]

    def logtext(self):
        with open(self.logpath, errors="replace") as f:
            return f.read()

    def close(self):
        for p in reversed(self.procs()):
            p.quit()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)
