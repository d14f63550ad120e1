"""Fixtures of the cross-process tests: one running demo stack, one browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.person import Person, browser, person
from kit.stack import RunningStack, running_stack
from playwright.sync_api import Browser, sync_playwright

DEMO_URL = "https://127.0.0.1:8080"


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
