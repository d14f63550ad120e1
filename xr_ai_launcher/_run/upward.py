"""The launcher as a service itself: says READY and STOPPING to whoever started it, in systemd's notify protocol."""

NOTIFY_VARIABLE = "NOTIFY_SOCKET"


def tell_starter(address: str | None, message: str) -> None:
    """Send ``message`` to the notify socket at ``address`` (sd_notify(3)); without an address nobody wants to know."""
    if not address:
        return
    import socket  # late: it takes 5 ms, and most launchers have no starter that listens

    # "@" stands for the zero byte that begins an address in Linux' abstract namespace.
    path = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
            speaker.sendto(message.encode(), path)
    except OSError:
        # The starter is gone or never listened: its loss must not be the stack's.
        return
