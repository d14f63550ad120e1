"""What every answer of the hub has in common."""

from starlette.responses import JSONResponse, Response

__all__ = ("NO_STORE", "refusal")

NO_STORE = {"Cache-Control": "no-store"}


def refusal(status: int, message: str) -> Response:
    """Return an error with one sentence that says what is wrong."""
    return JSONResponse({"error": message}, status_code=status, headers=NO_STORE)
