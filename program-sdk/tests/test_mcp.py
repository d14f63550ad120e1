"""The frame of the tool servers: routes, strict arguments, whose call it is, and who may call at all."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from kit.processes import own_port
from mcp import Client

from xr_ai_program import Readiness, StartupError
from xr_ai_program.http import bind
from xr_ai_program.mcp import (
    DEFAULT_PARTICIPANT,
    Context,
    Participants,
    ToolServerConfig,
    frames_dir,
    serve_tools,
    tool_app,
)
from xr_ai_program.mcp_testing import call_tool

PEOPLE = Participants()
DEADLINE_S = 30.0


async def whoami(ctx: Context) -> dict[str, Any]:
    """Say whom the call means."""
    return {"participant": PEOPLE.meant_by(ctx)}


def double(value: float, times: int = 1) -> dict[str, Any]:
    """Double a number."""
    return {"value": value * 2**times}


class ReadyEvent(Readiness):
    def __init__(self) -> None:
        super().__init__(notify_socket="")
        self.event = asyncio.Event()

    def ready(self, text: str = "") -> None:
        self.event.set()


@asynccontextmanager
async def served(port: int, **settings: Any) -> AsyncIterator[str]:
    config = ToolServerConfig(port=port, **settings)
    readiness = ReadyEvent()
    app = tool_app("test-tools", [whoami, double], config, health=lambda: {"people": len(PEOPLE.connected)})
    task = asyncio.ensure_future(serve_tools(app, config, readiness))
    try:
        async with asyncio.timeout(DEADLINE_S):
            await readiness.event.wait()
        yield f"http://127.0.0.1:{port}"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def base_url() -> AsyncIterator[str]:
    async with served(own_port()) as url:
        yield url


async def test_ready_means_that_a_call_is_answered_at_once(base_url: str):
    async with Client(f"{base_url}/mcp") as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["whoami", "double"]
        assert await call_tool(client, "double", {"value": 1.5}) == {"value": 3.0}


async def test_health_and_the_path_with_a_slash(base_url: str):
    async with httpx2.AsyncClient() as http:
        assert (await http.get(f"{base_url}/health")).json() == {"status": "ok", "people": 0}
        moved = await http.post(f"{base_url}/mcp/", json={})
        assert moved.status_code == 307
        assert moved.headers["location"] == f"{base_url}/mcp"


async def test_unknown_arguments_and_infinite_numbers_are_tool_errors(base_url: str):
    async with Client(f"{base_url}/mcp") as client:
        for arguments in ({"value": 1, "colour": "red"}, {"value": "inf"}, {"value": "NaN"}, {"value": [1]}, {}):
            assert (await client.call_tool("double", arguments)).is_error
        assert (await client.call_tool("triple", {"value": 1})).is_error


async def test_the_participant_comes_from_the_requests_meta(base_url: str):
    async with Client(f"{base_url}/mcp") as client:
        assert await call_tool(client, "whoami", participant="alice") == {"participant": "alice"}
        assert await call_tool(client, "whoami") == {"participant": DEFAULT_PARTICIPANT}
        for nobody in ("", 7, ["alice"], "x" * 65):
            assert (await client.call_tool("whoami", {}, meta={"participant_id": nobody})).is_error  # type: ignore[arg-type]


async def test_concurrent_calls_keep_their_participants(base_url: str):
    names = [f"person-{number}" for number in range(40)]
    async with Client(f"{base_url}/mcp") as first, Client(f"{base_url}/mcp") as second:
        calls = [call_tool((first, second)[i % 2], "whoami", participant=name) for i, name in enumerate(names)]
        assert await asyncio.gather(*calls) == [{"participant": name} for name in names]


async def test_a_client_of_the_previous_protocol_is_served(base_url: str):
    headers = {"accept": "application/json, text/event-stream"}
    hello = {
        "protocolVersion": "2025-03-26",
        "capabilities": {},
        "clientInfo": {"name": "old", "version": "0.1"},
    }
    async with httpx2.AsyncClient(headers=headers) as http:

        async def post(method: str, params: dict[str, Any], number: int | None = None) -> httpx2.Response:
            request = {"jsonrpc": "2.0", "method": method, "params": params}
            return await http.post(f"{base_url}/mcp", json=request if number is None else {**request, "id": number})

        welcome = await post("initialize", hello, 1)
        assert welcome.json()["result"]["serverInfo"]["name"] == "test-tools"
        http.headers["mcp-session-id"] = welcome.headers["mcp-session-id"]
        assert (await post("notifications/initialized", {})).status_code == 202
        call = {"name": "whoami", "arguments": {}, "_meta": {"participant_id": "alice"}}
        assert (await post("tools/call", call, 2)).json()["result"]["structuredContent"] == {"participant": "alice"}


async def test_a_web_page_cannot_reach_the_tools(base_url: str):
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient(headers=headers) as http:
        rebound = await http.post(f"{base_url}/mcp", json=request, headers={"host": "evil.example:80"})
        foreign = await http.post(f"{base_url}/mcp", json=request, headers={"origin": "https://evil.example"})
        assert (rebound.status_code, foreign.status_code) == (421, 403)


async def test_a_name_that_is_allowed_is_served():
    async with served(own_port(), allowed_hosts=["tools.lan"]) as url, httpx2.AsyncClient() as http:
        reply = await http.post(
            f"{url}/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "ping"},
            headers={"host": "tools.lan:8250", "accept": "application/json, text/event-stream"},
        )
        assert reply.status_code not in (421, 403)


async def test_a_taken_port_is_one_sentence():
    config = ToolServerConfig(port=own_port())
    with bind(config.host, config.port), pytest.raises(StartupError, match=f"cannot listen on 127.0.0.1:{config.port}"):
        await serve_tools(tool_app("test-tools", [], config), config, ReadyEvent())


async def test_a_job_beside_the_server_that_fails_ends_both():
    async def fails() -> None:
        raise StartupError("the other half is gone")

    config, readiness = ToolServerConfig(port=own_port()), ReadyEvent()
    jobs: list[Coroutine[Any, Any, None]] = [fails()]
    with pytest.raises(StartupError, match="other half"):
        await serve_tools(tool_app("test-tools", [], config), config, readiness, beside=jobs)
    bind(config.host, config.port).close()


def test_the_default_participant_is_the_configured_one_else_the_last_to_join(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("xr_ai_program.mcp.named_participant", lambda _ctx: None)
    anyone: Any = None
    people = Participants()
    assert people.meant_by(anyone) == DEFAULT_PARTICIPANT
    assert [people.joined(name) for name in ("alice", "bob", "alice")] == [True, True, False]
    assert people.meant_by(anyone) == "bob"
    people.left("bob")
    assert (people.connected, people.meant_by(anyone)) == (("alice",), "alice")
    assert Participants("carol").meant_by(anyone) == "carol"


def test_pictures_lie_in_the_runs_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XR_RUN_DIR", str(tmp_path))
    assert frames_dir() == tmp_path / "frames"
    monkeypatch.delenv("XR_RUN_DIR")
    assert frames_dir().is_absolute()
