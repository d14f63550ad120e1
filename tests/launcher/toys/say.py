"""Prints each argument as a line on stdout, then ``err:`` lines on stderr for those after ``--``, then sleeps."""

import sys
import time

words = sys.argv[1:]
split = words.index("--") if "--" in words else len(words)
for word in words[:split]:
    print(word, flush=True)
for word in words[split + 1 :]:
    print(f"err:{word}", file=sys.stderr, flush=True)
while True:
    time.sleep(3600)
