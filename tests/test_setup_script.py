"""setup.sh: where something is missing exit code 5 and the exact command; where nothing is, it leaves all as it is."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.stack import ROOT

# What the script itself is written in; everything else counts as a prerequisite of ours.
SHELL_TOOLS = ("sh", "id", "cat", "mkdir", "dirname", "tail", "rm", "env", "flock", "sha256sum", "cut")
NOBODY = 65534


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that other users reach; pytest's lie in one that is closed to them."""
    with tempfile.TemporaryDirectory(prefix="xr-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that anybody may write to; of the project only what the script reads before it installs."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    folder.chmod(0o777)
    shutil.copy(ROOT / "setup.sh", folder)
    return folder


def programs(folder: Path, **answers: str) -> Path:
    """A folder that is all a PATH has to offer: the shell's own tools, and a program for each of ``answers``."""
    folder.mkdir()
    for name in SHELL_TOOLS:
        found = shutil.which(name)
        assert found, name
        folder.joinpath(name).symlink_to(found)
    for name, script in answers.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    return folder


def setup(checkout: Path, path: Path, *options: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the script as somebody who is not root."""
    return subprocess.run(
        [str(checkout / "setup.sh"), *options],
        env={"PATH": str(path), "HOME": str(checkout), **env},
        user=NOBODY if os.getuid() == 0 else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


PRESENT = {"python3": "exit 0", "git": "exit 0"}
APT = {"apt-get": "echo 'apt-get was started' >&2; exit 1"}
REFUSING_SUDO = {"sudo": "echo 'sudo: a password is required' >&2; exit 1"}


def test_without_root_or_sudo_the_command_for_root_is_printed(checkout: Path, tmp_path: Path) -> None:
    result = setup(checkout, programs(tmp_path / "bin", **PRESENT, **APT))
    assert result.returncode == 5, result.stderr
    assert "su -c 'apt-get update && apt-get install -y --no-install-recommends nodejs npm'" in result.stderr
    assert "was started" not in result.stderr


def test_where_sudo_wants_a_password_the_command_is_printed(checkout: Path, tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", **PRESENT, **APT, **REFUSING_SUDO)
    result = setup(checkout, path, "--with-tests")
    assert result.returncode == 5, result.stderr
    packages = "nodejs npm chromium flite sox iproute2"
    assert f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {packages}" in result.stderr
    assert "was started" not in result.stderr


BESIDE_THE_BROWSER = {
    **PRESENT, "node": "exit 0", "npm": "exit 0", "flite": "exit 0", "sox": "exit 0", "ip": "exit 0",
    "sudo": '[ "$1" = -n ] && exit 0; exec "$@"',
    "apt-get": "case \"$*\" in *' chromium'*) echo 'E: chromium has no installation candidate'; exit 100;; esac",
}  # fmt: skip
SNAP_STUB = "echo 'this command requires the chromium snap to be installed' >&2; exit 1"


@pytest.mark.parametrize("present", [{}, {"chromium-browser": SNAP_STUB}], ids=["none", "a stub of a snap"])
def test_where_apt_has_no_chromium_what_to_do_is_said(checkout: Path, tmp_path: Path, present: dict[str, str]) -> None:
    result = setup(checkout, programs(tmp_path / "bin", **BESIDE_THE_BROWSER, **present), "--with-tests")
    assert result.returncode == 5, result.stderr
    assert "has no installation candidate" in result.stderr
    assert "install Google Chrome or the snap, or\nname a browser in CHROMIUM_BIN" in result.stderr


def test_a_browser_that_is_named_is_enough(checkout: Path, tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", **BESIDE_THE_BROWSER, **{"my-browser": "exit 0", "chromium": SNAP_STUB})
    result = setup(checkout, path, "--with-tests", CHROMIUM_BIN=str(path / "my-browser"))
    assert "chromium" not in result.stderr.lower(), result.stderr


def test_without_apt_the_packages_are_named(checkout: Path, tmp_path: Path) -> None:
    result = setup(checkout, programs(tmp_path / "bin", **PRESENT))
    assert result.returncode == 5, result.stderr
    assert "nodejs npm" in result.stderr
    assert "package manager" in result.stderr


def test_a_python_without_ready_made_wheels_gets_a_compiler(checkout: Path, tmp_path: Path) -> None:
    python = "case \"$*\" in *'%d.%d'*) echo 3.12;; *Python.h*) exit 1;; esac"
    present = {**PRESENT, **APT, "python3": python, "node": "exit 0", "npm": "exit 0"}
    result = setup(checkout, programs(tmp_path / "bin", **present))
    assert result.returncode == 5, result.stderr
    assert "apt-get install -y --no-install-recommends gcc libc6-dev python3-dev'" in result.stderr


@pytest.mark.parametrize(
    ("program", "version", "complaint"),
    [
        ("python3", "Python 3.10.12", "Python 3.11 or newer is needed, found Python 3.10.12"),
        ("node", "v16.20.2", "Node.js 18 or newer is needed, found v16.20.2"),
    ],
)
def test_a_program_that_is_too_old_is_named_with_its_version(
    checkout: Path, tmp_path: Path, program: str, version: str, complaint: str
) -> None:
    too_old = {program: f'case "$1" in -[vV]) echo {version};; *) exit 1;; esac'}
    present = {**PRESENT, "node": "exit 0", "npm": "exit 0", **too_old}
    result = setup(checkout, programs(tmp_path / "bin", **present))
    assert result.returncode == 5, result.stderr
    assert complaint in result.stderr
    assert not (checkout / ".venv").exists()


MADE = (
    ".venv/.setup-stamp",
    ".venv/lib/*/site-packages/*.dist-info/RECORD",
    "deps/*/*",
    "client-samples/web-xr/vendor/**/*",
)


def made_files() -> dict[Path, tuple[int, int]]:
    """What setup installs, fetches and builds: when each file was written, and its size."""
    files = [path for pattern in MADE for path in ROOT.glob(pattern) if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


@pytest.mark.timeout(300)
def test_a_second_setup_makes_nothing_anew() -> None:
    command = [str(ROOT / "setup.sh"), "--with-tests"]
    subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True
    )  # the first, if nobody has prepared this checkout
    before = made_files()
    again = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert before, "there is something that could be made anew"
    assert made_files() == before
    assert "preparing" not in again.stderr
    assert "installing" not in again.stderr
