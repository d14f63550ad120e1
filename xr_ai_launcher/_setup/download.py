"""Fetches a program over HTTP: resumed where it broke off, checked, and in its place only when it is whole."""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xr_ai_launcher._setup.archive import is_archive, take_member
from xr_ai_launcher._setup.bench import Bench
from xr_ai_launcher._setup.errors import SourceUnavailable
from xr_ai_launcher._setup.files import is_program, put_in_place, sha256_of, write_atomically
from xr_ai_launcher._setup.proxies import proxy_for
from xr_ai_launcher._stack.plan import DownloadSource

if TYPE_CHECKING:
    import httpx2

# Unreachable hosts are common (offline, firewalls): the next source should not have to wait for long.
_CONNECT_TIMEOUT_S = 5.0
# A connection on which nothing arrives for so long is given up and tried again.
_STALL_TIMEOUT_S = 20.0
_ATTEMPTS = 3
_ARCHITECTURES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
_HTTP_PARTIAL, _HTTP_PROXY_AUTHENTICATION, _HTTP_BAD_RANGE = 206, 407, 416
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"


@dataclass(frozen=True, slots=True)
class _Record:
    """What is remembered of a finished download, beside the program."""

    url: str
    sha256: str
    """Of what was downloaded (the archive, if it is one)."""
    size: int
    """Of the program, to notice a file that someone replaced."""


class _Interrupted(Exception):
    """The transfer broke off; what arrived is kept."""


def cached(source: DownloadSource) -> Path:
    """Return the program that an earlier download left.

    Raises:
        SourceUnavailable: there is none, or it is not the one that is wanted.
    """
    _check_platform(source)
    result = source.result
    if not result.is_file():
        raise SourceUnavailable(f"{result} is not there yet")
    record = _read_record(source)
    if record is None:
        if source.sha256 and not is_archive(source) and sha256_of(result) != source.sha256.lower():
            raise SourceUnavailable(f"{result} has another checksum than the stack wants")
    elif source.sha256 and record.sha256 != source.sha256.lower():
        raise SourceUnavailable(f"{result} was made from a download with another checksum")
    elif record.url != source.url:
        raise SourceUnavailable(f"{result} was downloaded from another address")
    elif record.size != result.stat().st_size:
        raise SourceUnavailable(f"{result} was changed since it was downloaded")
    if source.executable and not is_program(result):
        raise SourceUnavailable(f"{result} is not executable")
    return result


def fetch(source: DownloadSource, bench: Bench) -> Path:
    """Download the program and return its path.

    Raises:
        SourceUnavailable: the server, its answer or the file is not what was expected.
    """
    _check_platform(source)
    source.to.mkdir(parents=True, exist_ok=True)
    for mirror in source.mirrors:
        try:
            return _fetch_from(mirror, source, bench)
        except SourceUnavailable as error:
            bench.say(f"mirror {mirror}: {error}")
    return _fetch_from(source.url, source, bench)


def _fetch_from(url: str, source: DownloadSource, bench: Bench) -> Path:
    partial = source.to / f".{source.result.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.partial"
    bench.say(f"downloading {url}")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _transfer(url, partial, bench)
            break
        except _Interrupted as error:
            if attempt == _ATTEMPTS:
                raise SourceUnavailable(f"{error}, {_ATTEMPTS} times; what arrived is kept, try again") from error
            bench.say(f"{error}; resuming")
    return _install(source, partial)


def _install(source: DownloadSource, partial: Path) -> Path:
    """Check the complete file and put it, or its member, in place."""
    checksum = sha256_of(partial)
    record = _read_record(source)
    known = record.sha256 if record is not None and record.url == source.url else None
    expected = (source.sha256 or known or checksum).lower()
    if checksum != expected:
        partial.unlink()
        _etag_path(partial).unlink(missing_ok=True)
        origin = "the stack says" if source.sha256 else "its first download had"
        raise SourceUnavailable(f"wrong checksum: got sha256 {checksum}, {origin} {expected}")
    if is_archive(source):
        member = take_member(partial, source)
        put_in_place(member, source.result, executable=source.executable)
        partial.unlink()
    else:
        put_in_place(partial, source.result, executable=source.executable)
    _etag_path(partial).unlink(missing_ok=True)
    finished = _Record(source.url, checksum, source.result.stat().st_size)
    write_atomically(_record_path(source), json.dumps(asdict(finished)).encode())
    return source.result


def _transfer(url: str, partial: Path, bench: Bench) -> None:
    """Bring ``partial`` to its full size, from where it is."""
    import httpx2

    timeout = httpx2.Timeout(_STALL_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
    have = partial.stat().st_size if partial.exists() else 0
    etag = _etag_path(partial).read_text() if have and _etag_path(partial).exists() else ""
    headers = {"Range": f"bytes={have}-", "If-Range": etag} if have and etag else {}
    headers["Accept-Encoding"] = "identity"  # sizes and resumption count the file's own bytes
    try:
        with (
            httpx2.Client(timeout=timeout, follow_redirects=True) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            _receive(response, partial, have, bench)
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise SourceUnavailable(_unreachable(url, str(error) or type(error).__name__)) from error
    except httpx2.ProxyError as error:
        proxy = proxy_for(url)
        raise SourceUnavailable(proxy.refusal(str(error)) if proxy else f"the proxy refuses: {error}") from error
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, ImportError, ValueError) as error:
        raise SourceUnavailable(_unusable(url, error)) from error
    except httpx2.TooManyRedirects as error:
        raise SourceUnavailable(f"the server redirects for ever: {error}") from error
    except httpx2.TransportError as error:
        raise _Interrupted(f"the transfer broke off ({type(error).__name__})") from error
    except OSError as error:
        raise SourceUnavailable(f"cannot be written: {error}") from error


def _receive(response: "httpx2.Response", partial: Path, have: int, bench: Bench) -> None:
    if response.status_code == _HTTP_BAD_RANGE:
        partial.unlink()
        raise _Interrupted("the server does not continue the file")
    if not response.is_success:
        answer, proxy = f"{response.status_code} {response.reason_phrase}", proxy_for(str(response.url))
        if proxy is not None and response.status_code == _HTTP_PROXY_AUTHENTICATION:
            raise SourceUnavailable(proxy.refusal(answer))
        through = f" (through {proxy})" if proxy is not None else ""
        raise SourceUnavailable(f"the server answered {answer}{through}")
    is_resumed = response.status_code == _HTTP_PARTIAL
    done = have if is_resumed else 0
    length = response.headers.get("Content-Length")
    total = done + int(length) if length else None
    _etag_path(partial).write_text(response.headers.get("ETag", ""))
    # Unbuffered, and without waiting for chunks to fill: what arrived before a break is what will be resumed.
    with partial.open("ab" if is_resumed else "wb", buffering=0) as file:
        bench.progress(done, total)
        for chunk in response.iter_raw():
            file.write(chunk)
            done += len(chunk)
            bench.progress(done, total)


def _unreachable(url: str, reason: str) -> str:
    if _UNTRUSTED in reason:
        repair = "if this network puts a certificate of its own in between, name its file in SSL_CERT_FILE"
        return f"the server's certificate is not trusted: {reason}; {repair}"
    proxy = proxy_for(url)
    return proxy.unreachable(reason) if proxy is not None else f"cannot connect: {reason}"


def _unusable(url: str, error: Exception) -> str:
    """What to say when the address, or that of the proxy, is of no use."""
    proxy = proxy_for(url)
    if proxy is None:
        return f"not an address to download from: {error}"
    return f"{proxy} cannot be used: expected http://HOST:PORT ({str(error).partition('.')[0]})"


def _check_platform(source: DownloadSource) -> None:
    machine = platform.machine().lower()
    here = f"{platform.system().lower()}/{_ARCHITECTURES.get(machine, machine)}"
    if source.platform and source.platform.lower() != here:
        raise SourceUnavailable(f"it is for {source.platform}, this is {here}")


def _etag_path(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.etag")


def _record_path(source: DownloadSource) -> Path:
    return source.to / f".{source.result.name}.download.json"


def _read_record(source: DownloadSource) -> _Record | None:
    try:
        return _Record(**json.loads(_record_path(source).read_text()))
    except (OSError, ValueError, TypeError):
        return None
