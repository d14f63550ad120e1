"""The launchers that are compared: how each is configured for the same roles, and started."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from xr_ai_launcher.testing import free_port

GRACE_S = 2  # SIGTERM -> SIGKILL grace, given to every peer that lets us set it


class Absent(Exception):
    """The peer is not installed here."""


class Peer:
    """prepare() writes the peer's own configuration and says how to start it."""

    name = "?"
    use_pty = False
    runtime = "native"  # peers of one runtime share pages, so they never idle together
    fail_fast = "built in"  # or "none": then the fail-fast runs are done once, to confirm

    def __init__(self, dirs: list[Path]):
        self.dirs = dirs
        self.version = ""

    def tool(self, *names: str) -> str:
        for n in names:
            for d in self.dirs:
                if (d / n).is_file() and os.access(d / n, os.X_OK):
                    return str(d / n)
            if hit := shutil.which(n):
                return hit
        raise Absent(f"no {' or '.join(names)} found")

    def ver(self, argv: list[str], pattern: str = r"\d+\.\d+(\.\d+)?\S*") -> str:
        p = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
            env=base_env(Path(tempfile.gettempdir())),
        )
        m = re.search(pattern, p.stdout + p.stderr)
        return m.group(0) if m else "?"

    def find(self) -> None: ...
    def prepare(self, d: Path, roles: list[tuple[str, list[str]]], ff: bool, log: bool): ...
    def env(self, d: Path) -> dict[str, str]:
        return {}

    def sinks(self, d: Path) -> list[Path]:
        return [d / "stdout"]


def base_env(d: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(d),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "SHELL": "/bin/sh",
        "TMPDIR": str(d),
    }


def procfile(d: Path, roles) -> Path:
    f = d / "Procfile"
    f.write_text("".join(f"{n}: {shlex.join(a)}\n" for n, a in roles))
    return f


class ProcessCompose(Peer):
    name = "process-compose"
    runtime = "pc"
    fail_fast = "availability.restart: exit_on_failure on every process"

    def find(self):
        self.bin = self.tool("process-compose")
        self.version = self.ver([self.bin, "version"], r"v?\d+\.\d+\.\d+\S*")

    def prepare(self, d, roles, ff, log):
        procs = {
            n: {
                "command": shlex.join(a),
                "shutdown": {"timeout_seconds": GRACE_S},
                "availability": {"restart": "exit_on_failure" if ff else "no"},
            }
            for n, a in roles
        }
        (d / "pc.yaml").write_text(json.dumps({"version": "0.5", "processes": procs}))
        return [self.bin, "-f", str(d / "pc.yaml"), "-t=false", "--no-server", "-L", str(d / "pc.log"), "up"]


class Honcho(Peer):
    name = "honcho"
    runtime = "python"
    fail_fast = "always (any exit)"

    def find(self):
        self.bin = self.tool("honcho")
        self.version = self.ver([self.bin, "version"])

    def prepare(self, d, roles, ff, log):
        return [self.bin, "start", "-f", str(procfile(d, roles)), "-d", str(d)]


class Hivemind(Peer):
    name = "hivemind"
    runtime = "hm"
    fail_fast = "always (any exit)"

    def find(self):
        self.bin = self.tool("hivemind")
        self.version = self.ver([self.bin, "--version"])

    def prepare(self, d, roles, ff, log):
        return [self.bin, "--timeout", str(GRACE_S), "--root", str(d), str(procfile(d, roles))]


class Overmind(Peer):
    name = "overmind"
    runtime = "om"
    fail_fast = "default (any exit)"

    def find(self):
        self.bin = self.tool("overmind")
        self.tool("tmux")
        self.version = self.ver([self.bin, "--version"])

    def prepare(self, d, roles, ff, log):
        return [
            self.bin,
            "start",
            "-f",
            str(procfile(d, roles)),
            "-d",
            str(d),
            "-N",
            "-t",
            str(GRACE_S),
            "-s",
            str(d / "o.sock"),
        ]


class Goreman(Peer):
    name = "goreman"
    fail_fast = "-exit-on-error"

    def find(self):
        self.bin = self.tool("goreman")
        self.version = self.ver([self.bin, "version"])

    def prepare(self, d, roles, ff, log):
        return (
            [self.bin, "-f", str(procfile(d, roles)), "-basedir", str(d), "-rpc-server=false", "-set-ports=false"]
            + (["-exit-on-error"] if ff else [])
            + ["start"]
        )


class Supervisor(Peer):
    name = "supervisor"
    runtime = "python"
    fail_fast = "an event listener of our own (nothing built in)"

    def find(self):
        self.bin = self.tool("supervisord")
        self.version = self.ver([self.bin, "--version"])

    LISTENER = (
        "import os,signal,sys\n"
        "while True:\n"
        "    sys.stdout.write('READY\\n'); sys.stdout.flush()\n"
        "    h=dict(x.split(':') for x in sys.stdin.readline().split())\n"
        "    sys.stdin.read(int(h['len']))\n"
        "    os.kill(os.getppid(), signal.SIGTERM)\n"
        "    sys.stdout.write('RESULT 2\\nOK'); sys.stdout.flush()\n"
    )

    def prepare(self, d, roles, ff, log):
        out = [f"[supervisord]\nnodaemon=true\nuser=root\nlogfile={d}/sd.log\npidfile={d}/sd.pid\nchildlogdir={d}\n"]
        for n, a in roles:
            cmd = shlex.join(a).replace("%", "%%")
            dest = f"{d}/{n}.out" if log else "NONE"
            out.append(
                f"[program:{n}]\ncommand={cmd}\nautorestart=false\nstartsecs=0\n"
                f"stopasgroup=true\nkillasgroup=true\nstopwaitsecs={GRACE_S}\n"
                f"redirect_stderr=true\nstdout_logfile={dest}\nstdout_logfile_maxbytes=0\n"
            )
        if ff:
            (d / "listener.py").write_text(self.LISTENER)
            out.append(
                f"[eventlistener:ff]\ncommand={sys.executable} {d}/listener.py\n"
                "events=PROCESS_STATE_EXITED,PROCESS_STATE_FATAL\n"
            )
        # one group: supervisord stops groups one after another, programs of a group together
        out.append("[group:all]\nprograms=" + ",".join(n for n, _ in roles) + "\n")
        (d / "s.conf").write_text("\n".join(out))
        return [self.bin, "-n", "-c", str(d / "s.conf")]

    def sinks(self, d):
        return [d / "r00.out"]


class Circus(Peer):
    name = "circus"
    runtime = "python"
    fail_fast = "none"

    def find(self):
        self.bin = self.tool("circusd")
        self.version = self.ver([self.bin, "--version"])

    def prepare(self, d, roles, ff, log):
        out = [
            f"[circus]\nendpoint=tcp://127.0.0.1:{free_port()}\n"
            f"pubsub_endpoint=tcp://127.0.0.1:{free_port()}\nwarmup_delay=0\n"
        ]
        for n, a in roles:
            out.append(
                f"[watcher:{n}]\ncmd={a[0]}\nargs={shlex.join(a[1:])}\nnumprocesses=1\n"
                f"copy_env=True\nrespawn=False\nstop_children=True\n"
                f"graceful_timeout={GRACE_S}\n"
            )
            if log:
                out.append(f"stdout_stream.class=FileStream\nstdout_stream.filename={d}/{n}.out\n")
        (d / "c.ini").write_text("\n".join(out).replace("\n\nstdout", "\nstdout"))
        return [self.bin, str(d / "c.ini")]

    def sinks(self, d):
        return [d / "r00.out"]


class Pm2(Peer):
    name = "pm2"
    runtime = "node"
    fail_fast = "none"

    def find(self):
        self.bin = self.tool("pm2-runtime")
        self.version = self.ver([self.tool("pm2"), "--version"], r"(?m)^\d+\.\d+\.\d+$")

    def env(self, d):
        return {"PM2_HOME": str(d / "pm2"), "PM2_DISCRETE_MODE": "true"}

    def prepare(self, d, roles, ff, log):
        apps = [
            {
                "name": n,
                "script": a[0],
                "args": a[1:],
                "interpreter": "none",
                "cwd": str(d),
                "autorestart": False,
                "kill_timeout": GRACE_S * 1000,
                "treekill": True,
                "out_file": f"{d}/{n}.out" if log else "/dev/null",
                "error_file": "/dev/null",
                "exec_mode": "fork",
                "vizion": False,
                "pmx": False,
            }
            for n, a in roles
        ]
        for app in apps:
            app["script"] = shutil.which(app["script"]) or app["script"]
        (d / "eco.config.json").write_text(json.dumps({"apps": apps}))
        return [self.bin, "start", str(d / "eco.config.json")]

    def sinks(self, d):
        return [d / "r00.out"]


class Mprocs(Peer):
    name = "mprocs"
    runtime = "mp"
    use_pty = True  # a terminal program: it has no headless mode
    fail_fast = "none"

    def find(self):
        # the npm package is a node wrapper around the real binary: measure the binary
        real = [x for d in self.dirs for x in (d.parent / "mprocs").glob(f"mprocs-*linux*{platform.machine()}*/mprocs")]
        self.bin = str(real[0]) if real else self.tool("mprocs")
        self.version = self.ver([self.bin, "--version"])

    def prepare(self, d, roles, ff, log):
        (d / "m.yaml").write_text(json.dumps({"procs": {n: {"cmd": a} for n, a in roles}}))
        return [self.bin, "-c", str(d / "m.yaml")] + (["--log-dir", str(d / "logs")] if log else [])

    def sinks(self, d):
        return [d / "logs" / "r00.log"]


def ours_stack(roles: list[tuple[str, list[str]]]) -> str:
    """Our own stack file for these roles (JSON is YAML)."""
    return json.dumps(
        {
            "stack": "bench",
            "roles": {n: {"command": argv, "stop": {"grace": f"{GRACE_S}s"}} for n, argv in roles},
        },
        indent=1,
    )


class Ours(Peer):
    """Ours as it is started every day: the stack file was checked before, and its plan is stored."""

    name = "xrstack"
    runtime = "python"
    fail_fast = "built in"
    is_checked = True

    def __init__(self, dirs, command: str):
        super().__init__(dirs)
        program, space, options = command.partition(" ")
        self.command = (str(Path(program).absolute()) if "/" in program else program) + space + options

    def find(self):
        if not self.command:
            raise Absent("no --ours given")
        self.version = "ours"

    def prepare(self, d, roles, ff, log):
        f = d / "stack.yaml"
        f.write_text(ours_stack(roles))
        argv = [a.replace("{file}", str(f)).replace("{dir}", str(d)) for a in shlex.split(self.command)]
        if self.is_checked:
            check = ["check" if a == "up" else a for a in argv]
            subprocess.run(check, cwd=d, env=base_env(d), capture_output=True, check=True, timeout=20)
        return argv


class OursAtFirst(Ours):
    """Ours with a stack file that it has never seen."""

    name = "xrstack-first"
    is_checked = False


PEERS = [ProcessCompose, Honcho, Hivemind, Overmind, Goreman, Supervisor, Circus, Pm2, Mprocs]
