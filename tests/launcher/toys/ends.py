"""Prints the numbers 1 to 20 and ends with the exit code given, once the file given (if any) exists."""

import sys
import time
from pathlib import Path

for number in range(1, 21):
    print(f"line {number}", flush=True)
while len(sys.argv) > 2 and not Path(sys.argv[2]).exists():
    time.sleep(0.01)
sys.exit(int(sys.argv[1]))
