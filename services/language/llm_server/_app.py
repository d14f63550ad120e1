"""The server's application: OpenAI's chat path over a backend."""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from llm_server._backend import Backend
from llm_server._checks import check_request
from xr_ai_program.chat import ChatRequest, chat_response
from xr_ai_program.model_server import model_app, read_json

__all__ = ("create_app",)


def create_app(backend: Backend, model_name: str) -> Starlette:
    """Return the application that serves ``backend`` under ``model_name``."""

    async def completions(http_request: Request) -> Response:
        request = check_request(await read_json(http_request, ChatRequest), model_name)
        reply = await asyncio.to_thread(backend.reply, request)
        return chat_response(request, reply, model=model_name, fingerprint=backend.name)

    return model_app(model_name, backend.name, [Route("/v1/chat/completions", completions, methods=["POST"])])
