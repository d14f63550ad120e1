"""Ignores every polite signal."""

import signal
import time

for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(signum, signal.SIG_IGN)
print("stubborn", flush=True)
while True:
    time.sleep(3600)
