"""A real HTTP server on a free loopback port whose answers a test writes: for testing agents without models.

::

    async with scripted_server() as server:
        server.answer(chat("hello"))
        async with OpenAICompatLLM(server.url, "llm") as llm:
            ...
        assert server.requests[0].json["model"] == "llm"
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from xr_ai_program import Readiness
from xr_ai_program.http import bind, serve_http

__all__ = ("Handler", "ReceivedRequest", "ScriptedServer", "chat", "scripted_server", "tool_calls")

_START_DEADLINE_S = 10.0


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it arrived; ``form`` holds the parts of a multipart body (files as name, type, bytes)."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    form: dict[str, Any] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The decoded JSON body."""
        return json.loads(self.body)


Handler: TypeAlias = Callable[[ReceivedRequest], Response | Awaitable[Response]]


class ScriptedServer:
    """Answers each request with the next handler; the last one stays. ``GET /health`` is always 200 unless scripted."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.requests: list[ReceivedRequest] = []
        self._handlers: list[Handler] = []
        self.scripts_health = False

    def answer(self, *answers: Handler | Response) -> None:
        """Queue what the next requests are answered with."""
        self._handlers = [_handler(answer) for answer in answers]

    async def handle(self, request: Request) -> Response:
        """Record the request and run its handler."""
        if request.url.path == "/health" and not self.scripts_health:
            return JSONResponse({"status": "ok"})
        received = ReceivedRequest(
            request.method, request.url.path, dict(request.headers), await request.body(), await _form(request)
        )
        self.requests.append(received)
        handler = self._handlers.pop(0) if len(self._handlers) > 1 else self._handlers[0]
        answer = handler(received)
        return answer if isinstance(answer, Response) else await answer


@asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    """Serve a `ScriptedServer` until the block ends."""
    probe = bind("127.0.0.1", 0)
    port = probe.getsockname()[1]
    probe.close()
    server = ScriptedServer(port)
    app = Starlette(routes=[Route("/{path:path}", server.handle, methods=["GET", "POST"])])
    started = asyncio.Event()
    task = asyncio.ensure_future(serve_http(app, "127.0.0.1", port, _SignalsReady(started)))
    try:
        async with asyncio.timeout(_START_DEADLINE_S):
            await started.wait()
        yield server
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class _SignalsReady(Readiness):
    def __init__(self, event: asyncio.Event) -> None:
        super().__init__(notify_socket="")
        self._event = event

    def ready(self, text: str = "") -> None:
        self._event.set()


def chat(content: str | None = "hello", *, finish_reason: str = "stop", **message: Any) -> JSONResponse:
    """Return an ordinary answer of the chat path; further fields go into its message."""
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish_reason}
    return JSONResponse({"choices": [choice]})


def tool_calls(*calls: tuple[str, Any], content: str | None = None) -> JSONResponse:
    """Return an answer that asks for tools: (name, arguments) each; arguments that are text travel as they are."""
    listed = [
        {
            "id": f"call-{number}",
            "type": "function",
            "function": {"name": name, "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments)},
        }
        for number, (name, arguments) in enumerate(calls)
    ]
    return chat(content, finish_reason="tool_calls", tool_calls=listed)


def _handler(answer: Handler | Response) -> Handler:
    if isinstance(answer, Response):
        return lambda _received: answer
    return answer


async def _form(request: Request) -> dict[str, Any]:
    if not request.headers.get("content-type", "").startswith("multipart/"):
        return {}
    async with request.form() as parts:
        return {
            key: part if isinstance(part, str) else (part.filename, part.content_type, await part.read())
            for key, part in parts.items()
        }
