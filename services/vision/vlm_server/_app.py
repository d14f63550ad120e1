"""`POST /v1/chat/completions` with pictures: look once, answer the question."""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vlm_server._answer import answer
from vlm_server._image import ImageError, decode_data_url
from vlm_server._look import observe
from xr_ai_program.chat import ChatReply, ChatRequest, chat_response
from xr_ai_program.model_server import ApiError, model_app, read_json

_BACKEND = "opencv-classical-vision"


def create_app(model_name: str) -> Starlette:
    """The server's application."""

    async def completions(http_request: Request) -> Response:
        request = await read_json(http_request, ChatRequest)
        text = await asyncio.to_thread(_reply, request)
        return chat_response(request, ChatReply(text), model=model_name, fingerprint=_BACKEND)

    return model_app(model_name, _BACKEND, [Route("/v1/chat/completions", completions, methods=["POST"])])


def _reply(request: ChatRequest) -> str:
    asked = next((message for message in reversed(request.messages) if message.role == "user"), None)
    if asked is None or not asked.image_urls:
        raise ApiError(400, "no picture: send the question as a user message with an image_url part", param="messages")
    try:
        pictures = [decode_data_url(url) for url in asked.image_urls]
    except ImageError as error:
        raise ApiError(400, str(error), param="messages") from error
    answers = [answer(asked.text, observe(picture)) for picture in pictures]
    if len(answers) == 1:
        return answers[0]
    return " ".join(f"Picture {number}: {text}" for number, text in enumerate(answers, start=1))
