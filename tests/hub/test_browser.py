"""A real browser through the one port: plain, with TLS, and through reverse proxies in front of it."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from kit.agents import running_agent
from kit.browsers import FLAGS, find_chromium
from kit.proxies import ReverseProxy
from playwright.async_api import Browser, Page, async_playwright
from playwright.async_api import Error as PlaywrightError

from xr_ai_program.testing import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.browser, pytest.mark.timeout(240)]

PAGE_LIMIT_MS = 60_000
LIMIT_S = 60.0


async def _open(browser: Browser, url: str, name: str) -> Page:
    context = await browser.new_context(ignore_https_errors=True)
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    await page.goto(f"{url}/join.html?identity={name}&code=sesame", timeout=PAGE_LIMIT_MS)
    try:
        await page.wait_for_function("window.url", timeout=PAGE_LIMIT_MS)
    except PlaywrightError as error:
        raise AssertionError(f"{name} did not join: {said}") from error
    return page


async def _talks_with(page: Page, agent: Any, name: str) -> None:
    """Data, sound and pictures to the agent, data and speech back."""
    await eventually(lambda: agent.texts(name) == [b"from the page"], within_s=LIMIT_S)
    await eventually(lambda: agent.peak(name, last=500) > 0.05, within_s=LIMIT_S)  # Chromium's own beep
    await eventually(lambda: any(each.participant_id == name for each in agent.frames), within_s=LIMIT_S)
    await agent.tell(name, "agent.response", b"to the page")
    await agent.say(name, hz=500, seconds=0.5)
    await page.wait_for_function("got.length && heard", timeout=PAGE_LIMIT_MS)
    assert await page.evaluate("got") == [["agent.response", "to the page", "xr-hub-connector"]]


async def test_a_browser_joins_every_way_there_is(
    hub: Any, tls_hub: Any, hub_behind: Callable[[bool], Any], proxy_to: Callable[..., ReverseProxy]
) -> None:
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        stack.push_async_callback(browser.close)
        plain = hub.url.replace("127.0.0.1", "localhost")  # where a page may use a microphone without TLS
        for name, served_by, url in (("page-plain", hub, plain), ("page-tls", tls_hub, tls_hub.url)):
            await _joins(browser, served_by, url, name)
        for proxy_tls, hub_tls, path in itertools.product((False, True), (False, True), ("/rtc", "/rtc/v1")):
            name = f"page-{'tls' if proxy_tls else 'plain'}-{'tls' if hub_tls else 'plain'}-{path.count('/')}"
            hides = "/rtc/v1" if path == "/rtc" else ""  # what makes livekit-client turn to the older path
            async with proxy_to(hub_tls=hub_tls, tls=proxy_tls, rewrites_host=hub_tls, hides=hides) as proxy:
                await _joins(browser, hub_behind(hub_tls), proxy.url, name)
            assert set(proxy.signalled) == {(path, "query")}


async def _joins(browser: Browser, hub: Any, url: str, name: str) -> None:
    async with running_agent(hub) as agent:
        page = await _open(browser, url, name)
        assert await page.evaluate("url") == url.replace("http", "ws")
        await _talks_with(page, agent, name)
        await asyncio.wait_for(page.context.close(), LIMIT_S)
