"""Certificates: a private authority that stays the same, and a server certificate that follows the addresses.

A phone installs the authority once; the server certificate may change with every network.
"""

import datetime
import fcntl
import ipaddress
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from xr_ai_program import StartupError

__all__ = ("HubCertificate", "data_dir", "load_certificate", "self_signed_certificate")

DATA_DIR_ENV = "XR_AI_DATA_DIR"
_CA_FILE = "hub-ca.pem"
_LEAF_FILE = "web-server.pem"
_CA_DAYS = 3650
# Apple refuses server certificates that live longer than 825 days; browsers are heading below 398.
_LEAF_DAYS = 397
_RENEW_BEFORE = datetime.timedelta(days=30)
# Clocks of headsets run slow.
_BACKDATE = datetime.timedelta(days=1)
_CA_NAME = "XR AI hub"


@dataclass(frozen=True, slots=True)
class HubCertificate:
    """What the web server serves with."""

    context: ssl.SSLContext
    pem: bytes
    """The certificate a device has to trust, for /cert."""


@dataclass(frozen=True, slots=True)
class _Pair:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def data_dir() -> Path:
    """Return where the hub keeps what outlives a run: ``$XR_AI_DATA_DIR``, else the platform's data folder."""
    given = os.environ.get(DATA_DIR_ENV)
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "xr-ai"


def load_certificate(cert_file: Path, key_file: Path) -> HubCertificate:
    """Use the user's own certificate.

    Raises:
        StartupError: a file is missing or unreadable, the two do not belong together, or the certificate has expired.
    """
    try:
        context = _server_context()
        context.load_cert_chain(cert_file, key_file)
        pem = cert_file.read_bytes()
        certificate = x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError) as error:
        raise StartupError(f"cert_file {cert_file} and key_file {key_file} cannot be used together: {error}") from error
    if certificate.not_valid_after_utc <= _now():
        raise StartupError(f"cert_file {cert_file} expired on {certificate.not_valid_after_utc:%Y-%m-%d}; renew it")
    return HubCertificate(context, pem)


def self_signed_certificate(folder: Path | None = None) -> HubCertificate:
    """Return a certificate for every name and address of this machine, made or renewed as needed.

    Raises:
        StartupError: the data folder cannot be written.
    """
    folder = folder or data_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(folder / ".certificates.lock"):
            authority = _usable_authority(folder / _CA_FILE)
            leaf_path = folder / _LEAF_FILE
            _renew_leaf(leaf_path, authority)
        context = _server_context()
        context.load_cert_chain(leaf_path)
    except OSError as error:
        raise StartupError(
            f"no certificate could be kept in {folder}: {error}. Make the folder writable, set ${DATA_DIR_ENV} to "
            f"another one, or give cert_file and key_file."
        ) from error
    return HubCertificate(context, authority.certificate.public_bytes(serialization.Encoding.PEM))


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # WebSockets need HTTP/1.1; saying so keeps browsers from asking for anything else.
    context.set_alpn_protocols(["http/1.1"])
    return context


def _usable_authority(path: Path) -> _Pair:
    kept = _read_pair(path)
    if kept and kept.certificate.not_valid_after_utc - _RENEW_BEFORE > _now():
        return kept
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{_CA_NAME} ({socket.gethostname()})"[:64])])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        _builder(name, name, key.public_key(), _CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pair = _Pair(key, certificate)
    _write_pem(path, pair)
    return pair


def _renew_leaf(path: Path, authority: _Pair) -> None:
    kept = _read_pair(path)
    names = _local_names()
    if kept and _is_issued_by(kept.certificate, authority):
        known = _names_of(kept.certificate)
        if set(names) <= set(known) and kept.certificate.not_valid_after_utc - _RENEW_BEFORE > _now():
            return
        # Addresses once used stay valid: flapping between two networks renews nothing.
        names = list(dict.fromkeys([*names, *known]))
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, socket.gethostname()[:64] or "localhost")])
    issuer = authority.certificate.subject
    certificate = (
        _builder(subject, issuer, key.public_key(), _LEAF_DAYS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    _write_pem(path, _Pair(key, certificate), authority.certificate)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = _now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _local_names() -> list[x509.GeneralName]:
    """Names and addresses this machine can be reached by, found without asking anybody outside."""
    host = socket.gethostname()
    hosts = dict.fromkeys(["localhost", host, f"{host.split('.')[0]}.local"])
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in hosts if name and name.isascii()]
    found = {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")}
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6) and "%" not in address.address:
                found.add(ipaddress.ip_address(address.address))
    return names + [x509.IPAddress(ip) for ip in sorted(found, key=lambda ip: (ip.version, ip.packed))]


def _names_of(certificate: x509.Certificate) -> list[x509.GeneralName]:
    return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def _is_issued_by(certificate: x509.Certificate, authority: _Pair) -> bool:
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except Exception:
        return False
    return True


def _read_pair(path: Path) -> _Pair | None:
    """Return what ``path`` holds, or None when it is missing, broken, or key and certificate do not match."""
    try:
        data = path.read_bytes()
        key = serialization.load_pem_private_key(data, password=None)
        certificate = x509.load_pem_x509_certificate(data)
    except (OSError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return _Pair(key, certificate)


def _write_pem(path: Path, pair: _Pair, *chain: x509.Certificate) -> None:
    """Write key and certificates as one file, at once and readable by the owner alone."""
    key = pair.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificates = [each.public_bytes(serialization.Encoding.PEM) for each in (pair.certificate, *chain)]
    fresh = path.with_suffix(f".new-{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key + b"".join(certificates))
    fresh.replace(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep a second hub from renewing at the same time."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
