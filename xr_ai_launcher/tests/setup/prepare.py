"""Takes setup steps, each time in a process of its own, forked from this one that has everything loaded already.

Reads a line of JSON for each preparation: the file with the pickled plan, the one for the exports, the one for what is
said, and the environment; then one with ``null`` once the reader holds the process, which is not collected before.
Writes a line with the number of the process when it has begun, and one when it has ended.
"""

import json
import os
import pickle
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

import filelock  # noqa: F401  # loaded here once instead of in every preparation
import httpx2  # noqa: F401

import yaml  # noqa: F401
from xr_ai_launcher._run import guard  # noqa: F401
from xr_ai_launcher._setup import SetupError, prepare, sources, worker  # noqa: F401

_FAILED = 5
_READ_BYTES = 1 << 16


def main() -> None:
    ended, on_ended = socket.socketpair()
    on_ended.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(on_ended.fileno())
    buffered, may_forget = b"", True
    while True:
        readable, _, _ = select.select([0, ended], [], [])
        if ended in readable:
            ended.recv(_READ_BYTES)
        if 0 in readable:
            data = os.read(0, _READ_BYTES)
            if not data:
                return
            *lines, buffered = (buffered + data).split(b"\n")
            for line in lines:
                job = json.loads(line)
                may_forget = job is None
                if job is not None:
                    tell(begun=begin(job))
        if may_forget:
            tell_ended()


def begin(job: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        become(job)
    return pid


def become(job: dict[str, Any]) -> NoReturn:
    """The rest of a preparation's life: what a launcher does up to the start of its roles."""
    code = 1
    try:
        os.setsid()
        said = os.open(job["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for fd, target in ((os.open(os.devnull, os.O_RDONLY), 0), (said, 1), (said, 2)):
            os.dup2(fd, target)
        os.environ.clear()
        os.environ.update(job["environment"])
        code = take(Path(job["plan"]), Path(job["exports"]))
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def take(plan: Path, exports: Path) -> int:
    try:
        found = prepare(pickle.loads(plan.read_bytes()))
    except SetupError as error:
        print(error, file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    exports.write_bytes(pickle.dumps(found))
    return 0


def tell_ended() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        tell(ended=pid, code=os.waitstatus_to_exitcode(status))


def tell(**words: int) -> None:
    print(json.dumps(words), flush=True)


main()
