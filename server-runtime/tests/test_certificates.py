"""Certificates: private files, a stable authority, addresses that add up, and renewal under way."""

import asyncio
import datetime
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from kit.proxies import unverified_tls
from kit.web import serving

from xr_ai_program import StartupError
from xr_ai_program.testing import eventually
from xr_media_hub.web import HubCertificate, _authority, load_certificate, self_signed_certificate

DAY = datetime.timedelta(days=1)


def _leaf(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "web-server.pem").read_bytes())


def _names(folder: Path) -> set[str]:
    names = _leaf(folder).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_keys_are_for_the_owner_alone(tmp_path: Path) -> None:
    self_signed_certificate(tmp_path / "data")

    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "data").iterdir()}
    assert modes == {"hub-ca.pem": "0o600", "web-server.pem": "0o600", ".certificates.lock": "0o600"}
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_nothing_is_renewed_without_need(tmp_path: Path) -> None:
    first = self_signed_certificate(tmp_path)
    leaf = _leaf(tmp_path)

    assert self_signed_certificate(tmp_path).pem == first.pem
    assert _leaf(tmp_path) == leaf
    assert {"localhost", "127.0.0.1", "::1"} <= _names(tmp_path)


def test_a_new_address_is_added_and_the_old_ones_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = self_signed_certificate(tmp_path)
    known = _names(tmp_path)
    monkeypatch.setattr(_authority, "_local_names", lambda: [x509.DNSName("newhost")])
    after = self_signed_certificate(tmp_path)

    assert _names(tmp_path) == known | {"newhost"}
    assert after.pem == before.pem, "devices would have to install the authority again"


def test_an_expiring_certificate_is_renewed_under_the_same_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = self_signed_certificate(tmp_path)
    old = _leaf(tmp_path)
    monkeypatch.setattr(_authority, "now", lambda: _now() + 380 * DAY)
    after = self_signed_certificate(tmp_path)

    assert _leaf(tmp_path).not_valid_after_utc > old.not_valid_after_utc
    assert after.pem == before.pem


def test_of_many_earlier_addresses_the_newest_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(100):
        here = [x509.DNSName("localhost"), x509.DNSName(f"net-{number}")]
        monkeypatch.setattr(_authority, "_local_names", lambda names=here: names)
        self_signed_certificate(tmp_path)

    assert _names(tmp_path) == {"localhost", *(f"net-{number}" for number in range(37, 100))}
    many = [x509.DNSName(f"here-{number}") for number in range(80)]
    monkeypatch.setattr(_authority, "_local_names", lambda: many)
    self_signed_certificate(tmp_path)
    assert _names(tmp_path) == {name.value for name in many}, "an address of today was left out"


@pytest.mark.parametrize("is_broken", [True, False])
def test_a_new_authority_is_said_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_broken: bool
) -> None:
    first = self_signed_certificate(tmp_path)
    assert not caplog.records, "the first one is no news"
    if is_broken:
        (tmp_path / "hub-ca.pem").write_text("scrawl")
    else:
        monkeypatch.setattr(_authority, "now", lambda: _now() + 3640 * DAY)

    assert self_signed_certificate(tmp_path).pem != first.pem
    [record] = caplog.records
    assert "devices must install it from /cert again" in record.getMessage()
    assert ("cannot be read" if is_broken else "expires on") in record.getMessage()


@pytest.mark.parametrize("damage", [b"", b"not a certificate", None])
def test_a_broken_or_mismatched_file_is_replaced(tmp_path: Path, damage: bytes | None) -> None:
    self_signed_certificate(tmp_path)
    leaf = tmp_path / "web-server.pem"
    if damage is None:
        other = tmp_path / "other"
        self_signed_certificate(other)
        key = (other / "web-server.pem").read_bytes().split(b"-----BEGIN CERTIFICATE")[0]
        damage = key + b"-----BEGIN CERTIFICATE" + leaf.read_bytes().split(b"-----BEGIN CERTIFICATE", 1)[1]
    leaf.write_bytes(damage)
    self_signed_certificate(tmp_path)

    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(leaf)


def test_a_certificate_of_ones_own_must_fit_its_key(tmp_path: Path) -> None:
    self_signed_certificate(tmp_path / "a")
    self_signed_certificate(tmp_path / "b")
    one, other = tmp_path / "a" / "web-server.pem", tmp_path / "b" / "web-server.pem"

    assert load_certificate(one, one).pem
    with pytest.raises(StartupError, match="cannot be used together"):
        load_certificate(one, other)
    with pytest.raises(StartupError, match="missing"):
        load_certificate(tmp_path / "missing", one)


def test_what_devices_are_given_is_every_certificate_and_no_key(tmp_path: Path) -> None:
    issued = trustme.CA().create_child_ca().issue_cert("localhost")
    combined = tmp_path / "combined.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(combined)
    assert b"PRIVATE KEY" in combined.read_bytes()

    pem = load_certificate(combined, combined).pem
    assert b"PRIVATE KEY" not in pem
    assert x509.load_pem_x509_certificates(pem) == x509.load_pem_x509_certificates(combined.read_bytes())
    assert b"PRIVATE KEY" not in self_signed_certificate(tmp_path / "own").pem


def test_an_expired_certificate_of_ones_own_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    self_signed_certificate(tmp_path)
    pem = tmp_path / "web-server.pem"
    monkeypatch.setattr(_authority, "now", lambda: _now() + 400 * DAY)

    with pytest.raises(StartupError, match="expired on"):
        load_certificate(pem, pem)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")

    with pytest.raises(StartupError, match="XR_AI_DATA_DIR"):
        self_signed_certificate(blocked / "data")


@asynccontextmanager
async def kept(certificate: HubCertificate) -> AsyncIterator[str]:
    """The web server with a certificate that is looked after every few milliseconds; yields the URL."""
    keeping = asyncio.create_task(certificate.keep(0.02))
    try:
        async with serving(tls=certificate.context) as url:
            yield url
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


class Visitor:
    """A TLS connection that stays open."""

    async def connect(self, url: str) -> "Visitor":
        """Shake hands with the server at ``url``."""
        port = int(url.rpartition(":")[2])
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port, ssl=unverified_tls())
        der = self._writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        self.certificate = x509.load_der_x509_certificate(der)
        return self

    async def ask(self) -> bytes:
        """Send a request and return the line that answers it."""
        self._writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        line = await self._reader.readline()
        await self._reader.readuntil(b"Not Found")
        return line

    def leave(self) -> None:
        self._writer.transport.abort()


async def _served(url: str) -> x509.Certificate:
    visitor = await Visitor().connect(url)
    visitor.leave()
    return visitor.certificate


async def _serves_another_than(url: str, old: x509.Certificate) -> x509.Certificate:
    async with asyncio.timeout(20):
        while (served := await _served(url)) == old:
            pass
    return served


@pytest.mark.anyio
async def test_a_certificate_is_renewed_under_way_and_open_connections_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_authority, "_LEAF_LIFE", datetime.timedelta(seconds=62))
    monkeypatch.setattr(_authority, "_RENEW_BEFORE", datetime.timedelta(seconds=60))
    certificate = self_signed_certificate(tmp_path)
    trusted = certificate.pem
    async with kept(certificate) as url:
        early = await Visitor().connect(url)
        assert (await early.ask()).startswith(b"HTTP/1.1 404")
        renewed = await _serves_another_than(url, early.certificate)
        assert renewed.not_valid_after_utc > early.certificate.not_valid_after_utc
        assert early.certificate.not_valid_after_utc > _now(), "it was served until it had expired"
        assert (await early.ask()).startswith(b"HTTP/1.1 404"), "a connection was lost by the renewal"
        early.leave()
    assert certificate.pem == trusted, "devices would have to install the authority again"


@pytest.mark.anyio
async def test_an_address_that_comes_later_is_in_the_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed_certificate(tmp_path)
    async with kept(certificate) as url:
        before = await _served(url)
        monkeypatch.setattr(_authority, "_local_names", lambda: [x509.DNSName("newhost")])
        after = await _serves_another_than(url, before)
    assert x509.DNSName("newhost") in list(after.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


@pytest.mark.anyio
async def test_replaced_files_are_taken_and_unusable_ones_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "xr_media_hub")
    authority = trustme.CA()
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"

    def write(issued: trustme.LeafCert, *, with_key: bool = True) -> None:
        for blob, path in ((issued.cert_chain_pems[0], cert_file), (issued.private_key_pem, key_file)):
            if path == cert_file or with_key:
                blob.write_to_path(tmp_path / "new")
                (tmp_path / "new").replace(path)

    def said(text: str) -> int:
        return sum(text in record.getMessage() for record in caplog.records)

    write(authority.issue_cert("localhost"))
    certificate = load_certificate(cert_file, key_file)
    async with kept(certificate) as url:
        first = await _served(url)
        second = authority.issue_cert("localhost")
        write(second, with_key=False)
        await eventually(lambda: said("goes on with the certificate it has"))
        assert await _served(url) == first
        write(second)
        assert await _serves_another_than(url, first) == x509.load_pem_x509_certificate(certificate.pem)
        assert said("has a new certificate") == 1
        cert_file.unlink()
        await eventually(lambda: said("goes on with the certificate it has") == 2)
        write(authority.issue_cert("localhost", not_after=_now() + 3 * DAY))
        await eventually(lambda: said("renew it, and the hub takes the new one"))
        write(authority.issue_cert("localhost", not_after=_now() - DAY))
        await eventually(lambda: said("expired on"))
        assert said("renew it, and the hub takes the new one") == 1, "the same warning again and again"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
