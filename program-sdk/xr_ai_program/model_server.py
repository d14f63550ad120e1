"""What every OpenAI-compatible model server shares: health, the model list, and errors in OpenAI's shape."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

__all__ = ("ApiError", "model_app", "read_json")

BodyT = TypeVar("BodyT", bound=BaseModel)


class ApiError(Exception):
    """A request that cannot be answered, told to the client as OpenAI's API does (``{"error": {...}}``).

    Attributes:
        status: HTTP status code.
        param: name of the request field at fault, or None.
    """

    def __init__(self, status: int, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param


async def read_json(request: Request, model: type[BodyT]) -> BodyT:
    """The request's JSON body as ``model``.

    Raises:
        ApiError: 400 that names the first wrong field.
    """
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or None
        raise ApiError(400, f"{field}: {first['msg']}" if field else first["msg"], param=field) from error


def model_app(
    model_name: str,
    owned_by: str,
    routes: Sequence[BaseRoute],
    *,
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None,
    health: Callable[[], dict[str, Any]] = dict,
) -> Starlette:
    """An application with ``/health``, ``/v1/models`` and ``routes``.

    ``owned_by`` names what really answers, so that a small embedded model is never taken for a large one.
    ``health`` adds facts to the health reply.
    """

    async def get_health(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "model": model_name, "backend": owned_by, **health()})

    async def get_models(_request: Request) -> Response:
        card = {"id": model_name, "object": "model", "created": 0, "owned_by": owned_by}
        return JSONResponse({"object": "list", "data": [card]})

    return Starlette(
        routes=[Route("/health", get_health), Route("/v1/models", get_models), *routes],
        exception_handlers={ApiError: _api_error},
        lifespan=lifespan,
    )


async def _api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    body = {"message": error.message, "type": kind, "param": error.param, "code": None}
    return JSONResponse({"error": body}, status_code=error.status)
