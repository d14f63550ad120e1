"""Certificates: private files, a stable authority, addresses that only add up, expiry noticed."""

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from xr_ai_program import StartupError
from xr_media_hub.web import _certificates, load_certificate, self_signed_certificate


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
    monkeypatch.setattr(_certificates, "_local_names", lambda: [x509.DNSName("newhost")])
    after = self_signed_certificate(tmp_path)

    assert _names(tmp_path) == known | {"newhost"}
    assert after.pem == before.pem, "devices would have to install the authority again"


def test_an_expiring_certificate_is_renewed_under_the_same_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = self_signed_certificate(tmp_path)
    old = _leaf(tmp_path)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=380)
    monkeypatch.setattr(_certificates, "_now", lambda: later)
    after = self_signed_certificate(tmp_path)

    assert _leaf(tmp_path).not_valid_after_utc > old.not_valid_after_utc
    assert after.pem == before.pem


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

    assert load_certificate(one, one).pem == one.read_bytes()
    with pytest.raises(StartupError, match="cannot be used together"):
        load_certificate(one, other)
    with pytest.raises(StartupError, match="missing"):
        load_certificate(tmp_path / "missing", one)


def test_an_expired_certificate_of_ones_own_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    self_signed_certificate(tmp_path)
    pem = tmp_path / "web-server.pem"
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=400)
    monkeypatch.setattr(_certificates, "_now", lambda: later)

    with pytest.raises(StartupError, match="expired on"):
        load_certificate(pem, pem)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")

    with pytest.raises(StartupError, match="XR_AI_DATA_DIR"):
        self_signed_certificate(blocked / "data")
