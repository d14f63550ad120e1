"""The house stays in order: borders, formatting, types, and a tree that names no machine and no registry."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from kit.stack import ROOT

BIN = Path(sys.executable).parent
# Hosts of package registries, spelt so that this file does not name one itself.
REGISTRIES = re.compile(r"py" r"pi\.org|python" r"hosted\.org|registry\.npm" r"js|proxy\.go" r"lang|deb\.deb" r"ian")


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "command", [["lint-imports"], ["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]], ids=" ".join
)
def test_the_checks_of_make_check_pass(command: list[str]) -> None:
    result = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_tree_names_no_registry_and_no_path_of_a_machine() -> None:
    # The checkout's own folder is the one path of this machine that could slip in.
    machine = re.compile(re.escape(str(ROOT)) + r"\b|/root/\.")
    found = []
    for path in tracked_files():
        if path.suffix in {".png", ".woff2", ".wav"} or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
            if path != Path(__file__) and (REGISTRIES.search(line) or machine.search(line)):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not found, "\n".join(found)


def test_lock_files_pin_with_hashes_and_name_no_address() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert locks
    for lock in locks:
        text = lock.read_text()
        assert "://" not in text, lock
        for block in re.split(r"\n(?=[a-z0-9])", text.strip()):
            assert "==" in block, block
            assert "--hash=sha256:" in block, block
    assert '"resolved"' not in (ROOT / "client-samples/web-xr-build/package-lock.json").read_text()
