"""A private authority that stays the same, and server certificates from it that follow the machine's addresses.

A phone installs the authority once; the server certificate may change with every network.
"""

import datetime
import ipaddress
import logging
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ("Pair", "now", "renew_leaf", "usable_authority")

logger = logging.getLogger(__name__)

_CA_LIFE = datetime.timedelta(days=3650)
# Apple refuses server certificates that live longer than 825 days; browsers are heading below 398.
_LEAF_LIFE = datetime.timedelta(days=397)
_RENEW_BEFORE = datetime.timedelta(days=30)
# Clocks of headsets run slow.
_BACKDATE = datetime.timedelta(days=1)
_CA_NAME = "XR AI hub"
# Of a machine that moves from network to network, the newest; a certificate of hundreds slows every handshake.
_NAMES_MOST = 64


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def now() -> datetime.datetime:
    """The time that certificates are judged by."""
    return datetime.datetime.now(datetime.UTC)


def usable_authority(path: Path) -> Pair:
    """Return the authority kept at ``path``; a new one when there is none, or none that lasts. Raises OSError."""
    kept = _read_pair(path)
    if kept and _lasts(kept.certificate):
        return kept
    if path.exists():
        logger.warning(
            "the hub's private authority %s %s, so there is a new one: devices must install it from /cert again",
            path,
            f"expires on {kept.certificate.not_valid_after_utc:%Y-%m-%d}" if kept else "cannot be read",
        )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{_CA_NAME} ({socket.gethostname()})"[:64])])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        _builder(name, name, key.public_key(), _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pair = Pair(key, certificate)
    _write_pem(path, pair)
    return pair


def renew_leaf(path: Path, authority: Pair) -> None:
    """See to it that ``path`` holds a certificate that lasts, with every name this machine has now. Raises OSError."""
    kept = _read_pair(path)
    names = _local_names()
    if kept and _is_issued_by(kept.certificate, authority):
        known = _names_of(kept.certificate)
        if set(names) <= set(known) and _lasts(kept.certificate):
            return
        names = _with_earlier(names, known)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, socket.gethostname()[:64] or "localhost")])
    issuer = authority.certificate.subject
    certificate = (
        _builder(subject, issuer, key.public_key(), _LEAF_LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    _write_pem(path, Pair(key, certificate), authority.certificate)


def _with_earlier(names: list[x509.GeneralName], known: list[x509.GeneralName]) -> list[x509.GeneralName]:
    """Add the names once used, so that flapping between two networks renews nothing; of too many the oldest go."""
    everything = list(dict.fromkeys([*names, *known]))
    return everything[: max(len(names), _NAMES_MOST)]


def _lasts(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_after_utc - _RENEW_BEFORE > now()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: datetime.timedelta
) -> x509.CertificateBuilder:
    start = now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - _BACKDATE)
        .not_valid_after(start + life)
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


def _is_issued_by(certificate: x509.Certificate, authority: Pair) -> bool:
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except Exception:
        return False
    return True


def _read_pair(path: Path) -> Pair | None:
    """Return what ``path`` holds, or None when it is missing, broken, or key and certificate do not match."""
    try:
        data = path.read_bytes()
        key = serialization.load_pem_private_key(data, password=None)
        certificate = x509.load_pem_x509_certificate(data)
    except (OSError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return Pair(key, certificate)


def _write_pem(path: Path, pair: Pair, *chain: x509.Certificate) -> None:
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
