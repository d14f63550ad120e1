"""Speaks systemd's notify protocol: sends each argument as a message, then sleeps.

``--wait FILE`` waits for the file first, ``--pause SECONDS`` so long; ``--child`` lets a grandchild speak.
"""

import os
import socket
import sys
import time
from pathlib import Path


def say(message: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
        speaker.sendto(message.encode(), os.environ["NOTIFY_SOCKET"])


words = sys.argv[1:]
while words:
    word = words.pop(0)
    if word == "--wait":
        path = Path(words.pop(0))
        while not path.exists():
            time.sleep(0.01)
    elif word == "--pause":
        time.sleep(float(words.pop(0)))
    elif word == "--child":
        if os.fork() != 0:
            break
    else:
        say(word)
while True:
    time.sleep(3600)
