"""The web server's certificate: the user's own or one made here, and kept current while the server runs."""

import asyncio
import datetime
import fcntl
import hashlib
import logging
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from xr_ai_program import StartupError
from xr_media_hub.web import _authority

__all__ = ("HubCertificate", "data_dir", "load_certificate", "self_signed_certificate")

logger = logging.getLogger(__name__)

DATA_DIR_ENV = "XR_AI_DATA_DIR"
_CA_FILE = "hub-ca.pem"
_LEAF_FILE = "web-server.pem"
# A new network should work by the time somebody has typed the new address; a look costs about a millisecond.
_LOOK_EVERY_S = 5.0
_WARN_BEFORE = datetime.timedelta(days=14)


@dataclass(frozen=True, slots=True)
class _Issued:
    """A certificate as its files have it now."""

    cert_file: Path
    key_file: Path
    certificate: x509.Certificate
    trusted: bytes
    """What devices have to trust, as PEM."""
    fingerprint: bytes
    """Of everything in the files."""


class HubCertificate:
    """What the web server serves with; `keep` brings it up to date under way."""

    def __init__(self, find: Callable[[], _Issued]) -> None:
        """Serve with what ``find`` returns, now and whenever it returns something else. Raises what it raises."""
        self._find = find
        self._issued = find()
        self._said = ""
        self.context = _server_context(self._issued)
        self._say(_expiry_warning(self._issued))

    @property
    def pem(self) -> bytes:
        """The certificates a device has to trust, for /cert."""
        return self._issued.trusted

    async def keep(self, every_s: float = _LOOK_EVERY_S) -> None:
        """Look for a newer certificate again and again, for ever; connections that are open keep theirs."""
        while True:
            await asyncio.sleep(every_s)
            try:
                found = await asyncio.to_thread(self._find)
                self._use(found)
            except (StartupError, OSError) as error:
                self._say(f"the web server goes on with the certificate it has: {error}")
            else:
                self._say(_expiry_warning(found))

    def _use(self, found: _Issued) -> None:
        if found.fingerprint == self._issued.fingerprint:
            return
        _server_context(found)  # the one in use must not take what would break it
        self.context.load_cert_chain(found.cert_file, found.key_file)
        self._issued = found
        until = found.certificate.not_valid_after_utc
        logger.info("the web server has a new certificate, valid until %s", f"{until:%Y-%m-%d}")

    def _say(self, problem: str) -> None:
        """Log what is wrong, once as long as it stays the same."""
        if problem and problem != self._said:
            logger.warning("%s", problem)
        self._said = problem


def data_dir() -> Path:
    """Return where the hub keeps what outlives a run: ``$XR_AI_DATA_DIR``, else the platform's data folder."""
    given = os.environ.get(DATA_DIR_ENV)
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "xr-ai"


def load_certificate(cert_file: Path, key_file: Path) -> HubCertificate:
    """Use the user's own certificate, and its successor when the files are replaced.

    Raises:
        StartupError: a file is missing or unreadable, the two do not belong together, or the certificate has expired.
    """
    return HubCertificate(lambda: _own(cert_file, key_file))


def self_signed_certificate(folder: Path | None = None) -> HubCertificate:
    """Return a certificate for every name and address of this machine, made or renewed as needed.

    Raises:
        StartupError: the data folder cannot be written.
    """
    kept_in = folder or data_dir()
    return HubCertificate(lambda: _self_signed(kept_in))


def _own(cert_file: Path, key_file: Path) -> _Issued:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file)
        issued = _read(cert_file, key_file)
    except (OSError, ValueError) as error:
        raise StartupError(f"cert_file {cert_file} and key_file {key_file} cannot be used together: {error}") from error
    until = issued.certificate.not_valid_after_utc
    if until <= _authority.now():
        raise StartupError(f"cert_file {cert_file} expired on {until:%Y-%m-%d}; renew it")
    return issued


def _self_signed(folder: Path) -> _Issued:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(folder / ".certificates.lock"):
            authority = _authority.usable_authority(folder / _CA_FILE)
            leaf = folder / _LEAF_FILE
            _authority.renew_leaf(leaf, authority)
            return _read(leaf, leaf, authority.certificate)
    except OSError as error:
        raise StartupError(
            f"no certificate could be kept in {folder}: {error}. Make the folder writable, set ${DATA_DIR_ENV} to "
            f"another one, or give cert_file and key_file."
        ) from error


def _read(cert_file: Path, key_file: Path, trusted: x509.Certificate | None = None) -> _Issued:
    """Read a certificate's files; without a ``trusted`` one, devices have to trust what ``cert_file`` holds."""
    data = cert_file.read_bytes()
    chain = x509.load_pem_x509_certificates(data)
    # Certificates alone: the file may hold the key as well, and whoever asks for /cert would get it.
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in ([trusted] if trusted else chain))
    fingerprint = hashlib.sha256(data + key_file.read_bytes()).digest()
    return _Issued(cert_file, key_file, chain[0], pem, fingerprint)


def _server_context(issued: _Issued) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # WebSockets need HTTP/1.1; saying so keeps browsers from asking for anything else.
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(issued.cert_file, issued.key_file)
    return context


def _expiry_warning(issued: _Issued) -> str:
    until = issued.certificate.not_valid_after_utc
    if until - _WARN_BEFORE > _authority.now():
        return ""
    return f"the certificate in {issued.cert_file} expires on {until:%Y-%m-%d}: renew it, and the hub takes the new one"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep a second hub from renewing at the same time."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
