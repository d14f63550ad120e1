"""Writes its name to the end of a file when it is told to stop; says when it is prepared to."""

import os
import signal
import sys
import time
from pathlib import Path

name, book = sys.argv[1], Path(sys.argv[2])


def mourn(*_: object) -> None:
    with book.open("a") as file:
        file.write(f"{name} asked\n")
    time.sleep(0.1)
    with book.open("a") as file:
        file.write(f"{name} gone\n")
    os._exit(0)


signal.signal(signal.SIGTERM, mourn)
print("prepared", flush=True)
while True:
    time.sleep(3600)
