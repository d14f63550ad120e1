"""Says how far it is, is ready when that has had time to be seen, and says nothing more."""

import os
import socket
import time

speaker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
speaker.connect(os.environ["NOTIFY_SOCKET"])
speaker.send(b"STATUS=loading weights 40 %")
time.sleep(1.5)
speaker.send(b"READY=1")
time.sleep(60)
