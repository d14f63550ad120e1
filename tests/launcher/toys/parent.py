"""Obeys, but has a child that does not: ``grandchild`` ignores SIGTERM, ``setsid`` leaves the session too,
``daemon`` double-forks as daemons do, and ``nameless`` also drops its environment."""

import os
import signal
import sys
import time
from pathlib import Path

KIND = sys.argv[1]
STUBBORN = Path(__file__).with_name("stubborn.py")


def become_stubborn() -> None:
    environment = {} if KIND == "nameless" else dict(os.environ)
    os.execve(sys.executable, [sys.executable, "-S", str(STUBBORN)], environment)


if os.fork() == 0:
    if KIND != "grandchild":
        os.setsid()
    if KIND in ("daemon", "nameless") and os.fork() != 0:
        os._exit(0)
    become_stubborn()
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    time.sleep(3600)
