"""What every test of the house starts from, however the test run was started."""

import logging
import signal

import pytest


def pytest_configure() -> None:
    """Take signals as a terminal's foreground does.

    A run in the background of a script, or under nohup, is born with SIGINT or SIGHUP ignored and hands that on to
    every program it starts, which would then rightly not stop on them.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Let pytest's closing line be the last one: threads of native libraries log while the process ends."""
    logging.disable(logging.CRITICAL)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The loop of every asynchronous test."""
    return "asyncio"
