"""Downloads from a server that does everything wrong: never a half file taken for whole, never a wait without end."""

import hashlib
import io
import os
import signal
import tarfile
import zipfile

import pytest

from xr_ai_launcher._stack.plan import BinaryStep, DownloadSource, SetupPlan
from xr_ai_launcher.testing import wait_for


def step(url, folder, **fields):
    return SetupPlan("tool", BinaryStep((DownloadSource(url, folder, **fields),)), export="TOOL_BIN")


def test_download_is_executable_and_made_once(prepare, server, tmp_path):
    wanted = step(server.url("file/tool"), tmp_path / "deps", sha256=server.sha256)
    for _ in range(2):
        run = prepare(wanted)
        assert run.wait() == 0
    result = tmp_path / "deps/tool"
    assert run.exports == {"TOOL_BIN": str(result)}
    assert result.read_bytes() == server.content
    assert os.access(result, os.X_OK)
    assert len(server.requests) == 1
    assert sorted(path.name for path in result.parent.iterdir()) == [".tool.download.json", "tool"]


def test_wrong_bytes_are_refused_and_removed(prepare, server, tmp_path):
    run = prepare(step(server.url("file/tool"), tmp_path / "deps", sha256="0" * 64))
    assert run.wait() == 5
    assert f"wrong checksum: got sha256 {server.sha256}, the stack says {'0' * 64}" in run.stderr
    assert list((tmp_path / "deps").iterdir()) == []


def test_first_download_is_remembered_and_held_against_later_ones(prepare, server, tmp_path):
    wanted = step(server.url("file/tool"), tmp_path / "deps")
    assert prepare(wanted).wait() == 0
    first = server.sha256
    (tmp_path / "deps/tool").unlink()
    server.content = b"something else"
    run = prepare(wanted)
    assert run.wait() == 5
    assert f"its first download had {first}" in run.stderr
    assert not (tmp_path / "deps/tool").exists()


def test_changed_file_is_fetched_again(prepare, server, tmp_path):
    wanted = step(server.url("file/tool"), tmp_path / "deps", sha256=server.sha256)
    assert prepare(wanted).wait() == 0
    (tmp_path / "deps/tool").write_bytes(b"half a file")
    assert prepare(wanted).wait() == 0
    assert (tmp_path / "deps/tool").read_bytes() == server.content


def test_truncated_download_is_resumed(prepare, server, tmp_path):
    run = prepare(step(server.url("truncate/tool"), tmp_path / "deps", sha256=server.sha256))
    assert run.wait() == 0
    assert (tmp_path / "deps/tool").read_bytes() == server.content
    assert server.requests == [("/truncate/tool", None), ("/truncate/tool", f"bytes={len(server.content) // 2}-")]
    assert "resuming" in run.stderr


def test_server_that_cannot_resume_starts_over(prepare, server, tmp_path):
    run = prepare(step(server.url("no-range/tool"), tmp_path / "deps", sha256=server.sha256))
    assert run.wait() == 0
    assert (tmp_path / "deps/tool").read_bytes() == server.content


def test_server_that_refuses_to_continue_is_asked_for_the_whole(prepare, server, tmp_path):
    """As one does whose file has become shorter than what is here."""
    run = prepare(step(server.url("refuses-range/tool"), tmp_path / "deps", sha256=server.sha256))
    assert run.wait() == 0
    assert "the server does not continue the file; resuming" in run.stderr
    assert (tmp_path / "deps/tool").read_bytes() == server.content


def test_download_that_never_completes_is_given_up(prepare, server, tmp_path):
    run = prepare(step(server.url("always-truncate/tool"), tmp_path / "deps"))
    assert run.wait() == 5
    assert "the transfer broke off (" in run.stderr
    assert "3 times; what arrived is kept, try again" in run.stderr
    assert not (tmp_path / "deps/tool").exists()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing/tool", "the server answered 404 Not Found"),
        ("broken/tool", "the server answered 500 Internal Server Error"),
        ("loop/tool", "the server redirects for ever"),
    ],
)
def test_refusals_are_said(prepare, server, tmp_path, path, reason):
    run = prepare(step(server.url(path), tmp_path / "deps"))
    assert run.wait() == 5
    assert reason in run.stderr
    assert not (tmp_path / "deps/tool").exists()


def test_redirect_is_followed(prepare, server, tmp_path):
    run = prepare(step(server.url("moved/tool"), tmp_path / "deps", sha256=server.sha256))
    assert run.wait() == 0
    assert (tmp_path / "deps/tool").read_bytes() == server.content


def test_nobody_there(prepare, tmp_path):
    run = prepare(step("http://127.0.0.1:9/tool", tmp_path / "deps"))
    assert run.wait() == 5
    assert "cannot connect" in run.stderr


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_interrupted_download_leaves_no_half_file_and_goes_on_next_time(prepare, server, tmp_path, signum, code):
    run = prepare(step(server.url("stall/tool"), tmp_path / "deps"))
    half = len(server.content) // 2
    wait_for(lambda: any(path.stat().st_size == half for path in tmp_path.glob("deps/*.partial")), "half the file")
    run.process.send_signal(signum)
    assert run.wait() == code
    assert not (tmp_path / "deps/tool").exists()
    again = prepare(step(server.url("stall/tool"), tmp_path / "deps"))
    wait_for(lambda: ("/stall/tool", f"bytes={half}-") in server.requests, "resumption")
    again.process.kill()


def test_killed_launcher_leaves_no_half_file(prepare, server, tmp_path):
    run = prepare(step(server.url("stall/tool"), tmp_path / "deps"))
    wait_for(lambda: list(tmp_path.glob("deps/*.partial")), "the partial file")
    run.process.kill()
    run.wait()
    assert not (tmp_path / "deps/tool").exists()


def archive_bytes(kind):
    data = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(data, "w") as packed:
            packed.writestr("tool-1/bin/tool", "#!/bin/sh\n")
            packed.writestr("tool-1/README", "read me")
    else:
        with tarfile.open(fileobj=data, mode="w:gz") as packed:
            for name, text in (("tool-1/bin/tool", b"#!/bin/sh\n"), ("../evil", b"evil")):
                entry = tarfile.TarInfo(name)
                entry.size = len(text)
                packed.addfile(entry, io.BytesIO(text))
    return data.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_member_of_an_archive(prepare, server, tmp_path, kind):
    server.content = archive_bytes(kind)
    checksum = hashlib.sha256(server.content).hexdigest()
    wanted = step(server.url("file/pack"), tmp_path / "deps", sha256=checksum, member="tool-1/bin/tool")
    for _ in range(2):
        assert prepare(wanted).wait() == 0
    assert (tmp_path / "deps/tool").read_text() == "#!/bin/sh\n"
    assert os.access(tmp_path / "deps/tool", os.X_OK)
    assert len(server.requests) == 1
    assert not (tmp_path / "evil").exists()


def test_archive_without_the_member(prepare, server, tmp_path):
    server.content = archive_bytes("tar")
    run = prepare(step(server.url("file/pack"), tmp_path / "deps", member="bin/other"))
    assert run.wait() == 5
    assert "the archive has no file bin/other" in run.stderr


def test_not_an_archive(prepare, server, tmp_path):
    run = prepare(step(server.url("file/pack"), tmp_path / "deps", member="tool"))
    assert run.wait() == 5
    assert "it is not a readable archive" in run.stderr


def test_two_launchers_download_once(prepare, server, tmp_path):
    wanted = step(server.url("truncate/tool"), tmp_path / "deps", sha256=server.sha256)
    runs = [prepare(wanted), prepare(wanted)]
    assert [run.wait() for run in runs] == [0, 0]
    assert len(server.requests) == 2  # one transfer, resumed once
    assert (tmp_path / "deps/tool").read_bytes() == server.content
