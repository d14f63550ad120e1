"""Fixtures of the cross-process tests: one running demo stack, one browser, hubs of any settings."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.hub import HubProcess, hub_maker
from kit.livekit import find_livekit
from kit.person import Person, browser, person
from kit.stack import DEMO_URL, RunningStack, running_stack
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="session")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where spoken sentences are kept while the tests run."""
    return tmp_path_factory.mktemp("voices")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright, browser(playwright) as running:
        yield running


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningStack]:
    """The demo's stack with its embedded profile."""
    with running_stack("xr_render_demo.yaml", "--profile embedded") as stack:
        yield stack


@pytest.fixture
def visitor(demo: RunningStack, chromium: Browser, voices: Path) -> Iterator[Person]:
    """Somebody who has opened the page of the running demo and not joined yet."""
    with person(chromium, DEMO_URL, voices) as somebody:
        yield somebody


@pytest.fixture(scope="session")
def livekit_binary() -> Path:
    """The LiveKit server the tests run."""
    return find_livekit()


@pytest.fixture(scope="session")
def make_hub(tmp_path_factory: pytest.TempPathFactory, livekit_binary: Path) -> Iterator[Callable[..., HubProcess]]:
    """Makes hubs (not started) on free ports; what still runs at the end is stopped."""
    with hub_maker(lambda: tmp_path_factory.mktemp("hub"), livekit_binary) as make:
        yield make
