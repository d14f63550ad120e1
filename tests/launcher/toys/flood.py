"""Prints as many numbered lines of 100 bytes as asked for, as fast as it can, touches the file given and sleeps."""

import os
import sys
import time
from pathlib import Path

LINES_PER_WRITE = 640
count, done = int(sys.argv[1]), Path(sys.argv[2])
for start in range(0, count, LINES_PER_WRITE):
    numbers = range(start, min(start + LINES_PER_WRITE, count))
    data = memoryview("".join(f"{number:08d}:{'x' * 86}:END\n" for number in numbers).encode())
    while data:
        data = data[os.write(1, data) :]
done.touch()
while True:
    time.sleep(3600)
