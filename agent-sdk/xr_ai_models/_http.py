"""HTTP to one model server: time limits, retries, and every failure turned into a `ModelError`.

The only module of the package that knows the HTTP library.
"""

import asyncio
import ipaddress
import json
import logging
import os
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx2

from xr_ai_models._errors import (
    BadAnswerError,
    ModelConfigError,
    ModelError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
)

logger = logging.getLogger(__name__)

HttpClient: TypeAlias = httpx2.AsyncClient

_HEALTH_TIMEOUT_S = 3.0
_CONNECT_TIMEOUT_S = 5.0
# Three attempts cover a server that restarts or is just binding its port; more would only delay an honest error.
_ATTEMPTS = 3
_FIRST_BACKOFF_S = 0.2
_MAX_BACKOFF_S = 5.0
_BUSY_STATUSES = frozenset({429, 502, 503, 504})
# The request cannot have had an effect, or repeating it is harmless: inference changes nothing.
_RETRIED_ERRORS = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.RemoteProtocolError,
    httpx2.ReadError,
    httpx2.WriteError,
)
_DETAIL_CHARS = 300


class HttpService:
    """One server's base address with its credentials.

    Args:
        name: how messages call the server, for example ``stt``.
        base_url: without the ``/v1/...`` path.
        timeout_s: limit of a whole call, retries included, unless the call gives its own.
        api_key_env: environment variable that holds the bearer token, read now.
        health_check: False for hosted endpoints without ``/health``: they count as healthy.
        client: used instead of one of our own, and then not closed by `close`.

    Raises:
        ModelConfigError: the address is no http(s) URL, or the key's variable is not set.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        timeout_s: float,
        api_key_env: str | None = None,
        health_check: bool = True,
        client: HttpClient | None = None,
    ) -> None:
        self.name = name
        self.base_url = _checked_url(name, base_url)
        self.timeout_s = timeout_s
        self._health_check = health_check
        self._headers = _bearer(name, self.base_url, api_key_env)
        self._owns_client = client is None
        # Proxies of the environment would break loopback services, so they are ignored; and certificates, 40 ms to
        # load per client, are only needed for https.
        self._client = client or httpx2.AsyncClient(trust_env=False, verify=self.base_url.startswith("https:"))

    async def close(self) -> None:
        """Close the connections, unless the client was given by the caller."""
        if self._owns_client:
            await self._client.aclose()

    async def health(self) -> bool:
        """Whether ``GET /health`` answers 2xx within 3 s."""
        if not self._health_check:
            return True
        try:
            response = await self._client.get(
                f"{self.base_url}/health", headers=self._headers, timeout=_HEALTH_TIMEOUT_S
            )
        except httpx2.HTTPError as error:
            logger.debug("%s health: %s", self.name, error)
            return False
        return response.is_success

    async def post_json(self, path: str, body: Mapping[str, Any], timeout_s: float | None) -> dict[str, Any]:
        """Post JSON and return the JSON object of the answer."""
        return self._json_object(await self._post(path, timeout_s, json=dict(body)))

    async def post_form(
        self, path: str, fields: Mapping[str, str], file: tuple[str, bytes, str], timeout_s: float | None
    ) -> dict[str, Any]:
        """Post a multipart form with one ``file`` part (name, bytes, type) and return the JSON object of the answer."""
        return self._json_object(await self._post(path, timeout_s, data=dict(fields), files={"file": file}))

    async def post_for_bytes(self, path: str, body: Mapping[str, Any], timeout_s: float | None) -> bytes:
        """Post JSON and return the answer's body."""
        return (await self._post(path, timeout_s, json=dict(body))).content

    async def stream_lines(self, path: str, body: Mapping[str, Any], timeout_s: float | None) -> AsyncIterator[str]:
        """Post JSON and yield the answer line by line; the limit applies to each wait for more."""
        limit = self.timeout_s if timeout_s is None else timeout_s
        async with self._open_stream(path, body, limit) as response:
            try:
                async for line in response.aiter_lines():
                    yield line
            except httpx2.HTTPError as error:
                raise self._failure(error, limit) from error

    async def _post(self, path: str, timeout_s: float | None, **content: Any) -> httpx2.Response:
        limit = self.timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(limit):
                return await self._with_retries(lambda: self._send(path, limit, content), limit)
        except TimeoutError as error:
            raise self._timed_out(limit) from error

    async def _send(self, path: str, limit: float, content: dict[str, Any]) -> httpx2.Response:
        return await self._client.post(self.base_url + path, headers=self._headers, timeout=_timeout(limit), **content)

    async def _with_retries(self, send: Callable[[], Any], limit: float) -> httpx2.Response:
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            try:
                response: httpx2.Response = await send()
            except httpx2.HTTPError as error:
                if last or not isinstance(error, _RETRIED_ERRORS):
                    raise self._failure(error, limit) from error
                delay = _backoff_s(attempt, None)
            else:
                if response.is_success:
                    return response
                await response.aread()
                if last or response.status_code not in _BUSY_STATUSES:
                    raise self._refusal(response)
                await response.aclose()
                delay = _backoff_s(attempt, response.headers.get("retry-after"))
            logger.debug("%s: attempt %d failed, again in %.2f s", self.name, attempt + 1, delay)
            await asyncio.sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    @asynccontextmanager
    async def _open_stream(self, path: str, body: Mapping[str, Any], limit: float) -> AsyncIterator[httpx2.Response]:
        async def send() -> httpx2.Response:
            request = self._client.build_request(
                "POST", self.base_url + path, json=dict(body), headers=self._headers, timeout=_timeout(limit)
            )
            return await self._client.send(request, stream=True)

        try:
            async with asyncio.timeout(limit):
                response = await self._with_retries(send, limit)
        except TimeoutError as error:
            raise self._timed_out(limit) from error
        try:
            yield response
        finally:
            await response.aclose()

    def _json_object(self, response: httpx2.Response) -> dict[str, Any]:
        try:
            value = json.loads(response.content)
        except ValueError as error:
            raise BadAnswerError(
                f"{self._where()} answered something that is not JSON: {_clip(response.text)}"
            ) from error
        if not isinstance(value, dict):
            raise BadAnswerError(f"{self._where()} answered JSON that is not an object: {_clip(response.text)}")
        return value

    def _refusal(self, response: httpx2.Response) -> ModelError:
        status, detail = response.status_code, _clip(response.text)
        if status in _BUSY_STATUSES:
            return ModelUnavailableError(
                f"{self._where()} is not ready (HTTP {status} after {_ATTEMPTS} attempts): {detail}"
            )
        hint = " Check the entry's api_key_env." if status in (401, 403) else ""
        return ModelRefusedError(
            f"{self._where()} refused the request (HTTP {status}): {detail}{hint}", status=status, detail=detail
        )

    def _failure(self, error: httpx2.HTTPError, limit: float) -> ModelError:
        if isinstance(error, httpx2.TimeoutException) and not isinstance(error, httpx2.ConnectTimeout):
            return self._timed_out(limit)
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return ModelUnavailableError(
                f"{self._where()} cannot be reached: {error or 'no connection'}. Is it running?"
            )
        return ModelUnavailableError(f"{self._where()} broke the connection: {error or type(error).__name__}")

    def _timed_out(self, limit: float) -> ModelTimeoutError:
        return ModelTimeoutError(f"{self._where()} did not answer within {limit:g} s")

    def _where(self) -> str:
        return f"{self.name} at {self.base_url}"


def _timeout(limit: float) -> httpx2.Timeout:
    return httpx2.Timeout(limit, connect=min(limit, _CONNECT_TIMEOUT_S))


def _backoff_s(attempt: int, retry_after: str | None) -> float:
    if retry_after is not None and retry_after.isdigit():
        return min(float(retry_after), _MAX_BACKOFF_S)
    # Jitter, so that clients of one restarted server do not return together.
    backoff: float = _FIRST_BACKOFF_S * 2**attempt
    return backoff * random.uniform(0.75, 1.25)


def _checked_url(name: str, base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelConfigError(
            f"{name}: base_url {base_url!r} is no http(s) address; expected e.g. http://127.0.0.1:8103"
        )
    return base_url.rstrip("/")


def _bearer(name: str, base_url: str, api_key_env: str | None) -> dict[str, str]:
    if not api_key_env:
        return {}
    key = os.environ.get(api_key_env)
    if not key:
        raise ModelConfigError(
            f"{name}: the environment variable {api_key_env} (api_key_env) is not set; export it first"
        )
    parts = urlsplit(base_url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        logger.warning("%s: the key of %s travels unencrypted to %s; use https", name, api_key_env, base_url)
    return {"Authorization": f"Bearer {key}"}


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _clip(text: str) -> str:
    return text if len(text) <= _DETAIL_CHARS else text[:_DETAIL_CHARS] + "…"
