"""Gives signs of life ten times faster than it has to, with READY=1 first, until it is to hang.

``beats.py LIVES HANG [MESSAGE…]``: each life adds a line to the file LIVES and hangs once the file HANG-NUMBER exists;
then it sends the messages, if any. ``deaf`` among them ignores SIGABRT, ``mute`` gives no signs of life at all.
"""

import faulthandler
import os
import signal
import socket
import sys
import time
from pathlib import Path

speaker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
speaker.connect(os.environ["NOTIFY_SOCKET"])
lives, messages = Path(sys.argv[1]), sys.argv[3:]
with lives.open("a") as file:
    file.write("life\n")
number = len(lives.read_text().splitlines())
hang = Path(f"{sys.argv[2]}-{number}")
pause_s = min(0.05, int(os.environ["WATCHDOG_USEC"]) / 1e6 / 10)
faulthandler.enable()
if "deaf" in messages:
    signal.signal(signal.SIGABRT, signal.SIG_IGN)
print(f"life {number}", flush=True)
speaker.send(b"READY=1")


def hang_here() -> None:
    while True:
        time.sleep(3600)


while "mute" not in messages and not hang.exists():
    speaker.send(b"WATCHDOG=1")
    time.sleep(pause_s)
for message in messages:
    if "=" in message:
        speaker.send(message.encode())
hang_here()
