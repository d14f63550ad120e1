"""A role is ready when it is, and nobody else can make it so."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from xr_ai_launcher._stack.plan import (
    ExecProbe,
    FileProbe,
    HttpProbe,
    LogProbe,
    McpProbe,
    NotifyProbe,
    TcpProbe,
)
from xr_ai_launcher.testing import wait_for

TOYS = Path(__file__).parent.parent / "toys"
# Long enough for a toy to start and speak on a busy machine, which these tests want to see before the deadline.
SHORT_S = 2.0


@pytest.fixture
def stranger(free_port):
    """A server on the port that belongs to no role."""
    server = subprocess.Popen([sys.executable, "-S", TOYS / "server.py", str(free_port)], stdout=subprocess.PIPE)
    assert server.stdout is not None
    server.stdout.readline()
    yield server
    server.kill()
    server.wait()
    server.stdout.close()


def test_notify_makes_ready_and_shows_the_status(start, role, tmp_path):
    go = tmp_path / "go"
    stack = start(role("n", "notify", "STATUS=loading 40 %", "--wait", go, "READY=1", ready=NotifyProbe()))
    stack.wait_for_words("n: loading 40 %")
    assert "ready after" not in stack.stderr
    go.touch()
    stack.wait_for_words("n is ready after")


def test_notify_from_a_grandchild_counts(start, role):
    stack = start(role("n", "notify", "--child", "READY=1", ready=NotifyProbe()))
    stack.wait_for_words("n is ready after")


def test_notify_from_a_stranger_does_not_count(start, role):
    stack = start(role("n", "say", "hello", ready=NotifyProbe()))
    path = wait_for(lambda: next(stack.folder.glob("xrstack/*/notify-*"), None), "the socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
        speaker.sendto(b"READY=1", str(path))
    stack.wait_for_reason("said READY=1 but is not (or no longer) a process of this role")
    assert "is ready" not in stack.stderr


def test_deadline_names_the_last_status(start, role):
    stack = start(role("n", "notify", "STATUS=downloading weights", ready=NotifyProbe(), ready_timeout_s=SHORT_S))
    assert stack.wait() == 4
    assert "n was not ready within 2.00 s (ready_timeout): it says: downloading weights; it never said" in stack.stderr
    assert stack.role_processes() == []


def test_http_waits_until_the_server_has_loaded(start, role, tmp_path, free_port):
    loaded = tmp_path / "loaded"
    probe = HttpProbe(f"http://127.0.0.1:{free_port}/health")
    stack = start(role("web", "server", free_port, "loading", loaded, ready=probe))
    stack.wait_for_words("serving")
    assert "is ready" not in stack.stderr
    loaded.touch()
    stack.wait_for_words("web is ready after")


def test_http_has_the_servers_own_words(start, role, tmp_path, free_port):
    probe = HttpProbe(f"http://127.0.0.1:{free_port}/health")
    stack = start(role("web", "server", free_port, "loading", tmp_path / "never", ready=probe))
    stack.wait_for_reason(f'GET http://127.0.0.1:{free_port}/health answered 503: {{"status": "loading"}}')


def test_http_statuses_of_the_plan_count(start, role, tmp_path, free_port):
    probe = HttpProbe(f"http://127.0.0.1:{free_port}/", statuses=(503,))
    stack = start(role("web", "server", free_port, "loading", tmp_path / "never", ready=probe))
    stack.wait_for_words("web is ready after")


@pytest.mark.parametrize("verify", [False, True])
def test_https(start, role, tmp_path, free_port, verify):
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    probe = HttpProbe(f"https://127.0.0.1:{free_port}/", verify_tls=verify)
    web = role("web", "server", free_port, "tls", tmp_path / "cert.pem", tmp_path / "key.pem", ready=probe)
    if verify:
        start(web).wait_for_reason("certificate verify failed")
    else:
        stack = start(web)
        stack.wait_for_words("web is ready after")


def test_tcp(start, role, free_port):
    stack = start(role("web", "server", free_port, ready=TcpProbe("127.0.0.1", free_port)))
    stack.wait_for_words("web is ready after")


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_stale_server_on_the_port_makes_nobody_ready(start, role, stranger, free_port, kind):
    """process-compose called a sleeping role healthy because another server answered."""
    url = f"http://127.0.0.1:{free_port}/"
    probe = HttpProbe(url) if kind == "http" else TcpProbe("127.0.0.1", free_port)
    stack = start(role("sleeper", "say", "hello", ready=probe))
    stack.wait_for_reason(f"port {free_port} is held by process {stranger.pid}")
    stack.wait_for_reason("which is not part of this role (where a container runtime")
    stack.wait_for_reason("`ports_by: anyone`)")


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_a_port_that_a_container_runtime_holds_counts_where_it_is_said(start, role, stranger, free_port, kind):
    """`docker run` is no parent of what it starts: dockerd's processes hold the port."""
    url = f"http://127.0.0.1:{free_port}/"
    probe = HttpProbe(url) if kind == "http" else TcpProbe("127.0.0.1", free_port)
    stack = start(role("client", "say", "hello", ready=probe, ports_by_anyone=True))
    stack.wait_for_words("client is ready after")


def test_server_of_another_role_does_not_count_either(start, role, free_port):
    probe = TcpProbe("127.0.0.1", free_port)
    stack = start(
        role("web", "server", free_port),
        role("sleeper", "say", "hello", ready=probe),
    )
    stack.wait_for_reason(f"port {free_port} is held by process")


def test_log_line(start, role):
    stack = start(role("talker", "say", "booting", "listening on 80", ready=LogProbe(r"^listening on \d+$")))
    stack.wait_for_words("talker is ready after")


def test_log_deadline(start, role):
    stack = start(role("talker", "say", "booting", ready=LogProbe("listening"), ready_timeout_s=SHORT_S))
    assert stack.wait() == 4
    assert "no line matched /listening/ yet" in stack.stderr
    assert "    booting" in stack.stderr


def test_file_of_an_earlier_run_does_not_count(start, role, tmp_path):
    mark = tmp_path / "ready"
    mark.touch()
    stack = start(role("f", "say", "hello", ready=FileProbe(str(mark)), ready_timeout_s=20))
    stack.wait_for_words("hello")
    assert "is ready" not in stack.stderr
    mark.touch()
    stack.wait_for_words("f is ready after")


def test_exec_is_repeated_until_it_succeeds(start, role, tmp_path):
    stack = start(role("e", "say", "hello", ready=ExecProbe(("/usr/bin/test", "-e", "go"))))
    stack.wait_for_words("hello")
    assert "is ready" not in stack.stderr
    (tmp_path / "go").touch()
    stack.wait_for_words("e is ready after")


def test_exec_deadline_has_the_commands_last_words(start, role):
    probe = ExecProbe(("/bin/sh", "-c", "echo not today; exit 3"))
    stack = start(role("e", "say", "hello", ready=probe, ready_timeout_s=SHORT_S))
    assert stack.wait() == 4
    assert "ended with 3: not today" in stack.stderr


def test_exec_that_hangs_ends_with_the_stack(start, role):
    stack = start(role("e", "say", "hello", ready=ExecProbe(("/bin/sleep", "600")), ready_timeout_s=0.5))
    assert stack.wait() == 4
    assert stack.own_processes() == []
    assert stack.role_processes() == []


def test_mcp(start, role, free_port):
    from dataclasses import replace

    server = role("tools", "mcp_server", free_port, ready=McpProbe(f"http://127.0.0.1:{free_port}/mcp"))
    server = replace(server, argv=(sys.executable, *server.argv[2:]))  # with its packages
    stack = start(server)
    stack.wait_for_words("tools is ready after")


def test_mcp_on_an_ordinary_server_says_so(start, role, free_port):
    probe = McpProbe(f"http://127.0.0.1:{free_port}/mcp")
    stack = start(role("web", "server", free_port, ready=probe))
    stack.wait_for_reason(f"initialize at http://127.0.0.1:{free_port}/mcp answered 501")


def test_death_before_ready_is_noticed_at_once(start, role):
    """W25: an exit was noticed only after the other roles had become ready."""
    stack = start(
        role("never", "say", "hello", ready=NotifyProbe(), ready_timeout_s=300),
        role("bad", "ends", 7, ready=NotifyProbe(), ready_timeout_s=300),
    )
    assert stack.wait() == 7  # long before any deadline
    assert "before it was ready" in stack.stderr


def test_after_waits_for_readiness(start, role, tmp_path):
    go = tmp_path / "go"
    stack = start(
        role("base", "notify", "STATUS=here", "--wait", go, "READY=1", ready=NotifyProbe()),
        role("top", "say", "on top", after=("base",)),
    )
    stack.wait_for_words("base: here")
    assert stack.log("top") == b""
    go.touch()
    stack.wait_for_words("on top")
    stack.wait_for_words("2 roles ready in")


def test_summary_names_the_slowest_and_urls(start, role, tmp_path):
    go = tmp_path / "go"
    stack = start(
        role("fast", "notify", "READY=1", ready=NotifyProbe(), url="http://127.0.0.1:1/"),
        role("slow", "notify", "--wait", go, "READY=1", ready=NotifyProbe()),
    )
    stack.wait_for_words("fast is ready after")
    go.touch()
    stack.wait_for_words("(the slowest: slow,")
    stack.wait_for_words("fast: http://127.0.0.1:1/")


def test_reused_server_is_used_and_left_alone(start, role, stranger, free_port):
    probe = HttpProbe(f"http://127.0.0.1:{free_port}/")
    stack = start(role("model", "server", free_port, launch="reuse", ready=probe), role("w", "say", "hi"))
    stack.wait_for_words("2 roles ready in")
    stack.process.terminate()
    assert stack.wait() == 143
    assert stranger.poll() is None


def test_absent_server_to_reuse_is_one_sentence_with_the_command(start, role, free_port, tmp_path):
    """W26: the worker waited for ever, and nobody said which command to run."""
    probe = HttpProbe(f"http://127.0.0.1:{free_port}/")
    stack = start(role("model", "server", free_port, launch="reuse", ready=probe), role("w", "say", "hi"))
    assert stack.wait() == 5
    assert "model is to be reused, but does not run" in stack.stderr
    assert f"start it with: cd {tmp_path} && {sys.executable}" in stack.stderr
