"""Ends with 3 as often as asked for, counting its lives in a file, then stays. Leaves a stubborn child each time."""

import subprocess
import sys
import time
from pathlib import Path

book, deaths = Path(sys.argv[1]), int(sys.argv[2])
with book.open("a") as file:
    file.write(f"{time.monotonic()}\n")
subprocess.Popen([sys.executable, "-S", str(Path(__file__).with_name("stubborn.py"))])
print(f"life {len(book.read_text().splitlines())}", flush=True)
if len(book.read_text().splitlines()) <= deaths:
    sys.exit(3)
while True:
    time.sleep(3600)
