"""How exits, durations and processes are said to people."""

import signal

SIGNAL_EXIT_BASE = 128


def exit_words(code: int) -> str:
    """Return ``exit code 7``, or ``killed by SIGKILL (9)`` for -9."""
    return f"exit code {code}" if code >= 0 else f"killed by {signal_name(-code)} ({-code})"


def shell_code(code: int) -> int:
    """Return the exit code a shell would show: 128 + signal for a killed process."""
    return code if code >= 0 else SIGNAL_EXIT_BASE - code


def signal_name(signum: int) -> str:
    """Return ``SIGTERM``; real-time signals have numbers only."""
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"


def seconds(duration_s: float) -> str:
    """Return ``0.42 s``, ``12.3 s`` or ``2 min 5 s``."""
    if duration_s >= 60:
        return f"{int(duration_s) // 60} min {int(duration_s) % 60} s"
    return f"{duration_s:.2f} s" if duration_s < 10 else f"{duration_s:.1f} s"


def counted(number: int, noun: str) -> str:
    """Return ``1 role`` or ``3 roles``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}{'es' if noun.endswith('s') else 's'}"
