"""Addresses of a hub: one hub each, for its own user alone, and a sentence for whoever cannot have one."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from xr_ai_agent import AddressInUseError, HubEndpoint, InsecureAddressError

# Gives up the rights of the administrator, whom no permissions hold.
_ANOTHER_USER = """
import os, sys
from xr_ai_agent import AddressInUseError, HubEndpoint
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    HubEndpoint(f"ipc://{sys.argv[1]}/in", f"ipc://{sys.argv[1]}/pub")
except AddressInUseError as error:
    print(error)
"""


@pytest.fixture
def common_folder() -> Iterator[Path]:
    """A folder as /tmp, which every user reaches; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


def test_a_relative_address_is_one_hub_s_and_one_user_s(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hub = HubEndpoint("ipc://run/in", "ipc://pub")
    for name in ("run/in", "pub", "pub.video", "pub.control", "run/in.lock"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    for pull, pub in (("ipc://run/in", "ipc://other"), (f"ipc://{tmp_path}/run/in", "ipc://other")):
        with pytest.raises(AddressInUseError, match="another hub serves this address"):
            HubEndpoint(pull, pub)
    assert (tmp_path / "run" / "in").exists()
    # Wherever the process has gone meanwhile.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    hub.close()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["in.lock"]
    monkeypatch.chdir(tmp_path)
    HubEndpoint("ipc://run/in", "ipc://pub").close()


@pytest.mark.parametrize("kind", ["in", "pub"])
def test_a_name_without_permissions_is_refused(tmp_path, kind):
    addresses = {name: f"ipc://{tmp_path}/{name}" for name in ("in", "pub")} | {kind: "ipc://@xr-hub"}
    with pytest.raises(InsecureAddressError, match="every user of this machine could listen in"):
        HubEndpoint(addresses["in"], addresses["pub"])


def test_a_lock_of_another_user_is_named_with_what_to_do(common_folder):
    lock = common_folder / "in.lock"
    lock.touch(mode=0o000)
    tried = subprocess.run(
        [sys.executable, "-c", _ANOTHER_USER, str(common_folder)], capture_output=True, text=True, check=False
    )
    assert tried.stderr == ""
    assert f"ipc://{common_folder}/in: {lock} cannot be locked (Permission denied)" in tried.stdout
    assert "set XR_HUB_IN and XR_HUB_PUB to addresses in a folder of your own" in tried.stdout


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (tmp_path / "in.lock").symlink_to(precious)
    with pytest.raises(AddressInUseError, match="cannot be locked"):
        HubEndpoint(f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/pub")
    assert precious.read_text() == "kept"


def test_a_second_hub_on_the_same_tcp_address_is_refused_and_leaves_nothing_bound(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    first = HubEndpoint(address, f"ipc://{tmp_path}/pub")
    for pull, pub in ((address, f"ipc://{tmp_path}/pub2"), (f"ipc://{tmp_path}/in2", address)):
        with pytest.raises(AddressInUseError, match=f"{address}: another hub serves this address"):
            HubEndpoint(pull, pub)
    HubEndpoint(f"ipc://{tmp_path}/in2", f"ipc://{tmp_path}/pub2").close()
    first.close()
    second = HubEndpoint(address, f"ipc://{tmp_path}/pub")
    second.close()
