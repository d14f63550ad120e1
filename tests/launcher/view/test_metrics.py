"""``up --metrics``: what a Prometheus server would scrape."""

import contextlib
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xr_ai_launcher._control.model import RoleStatus, StackStatus
from xr_ai_launcher._view.figures import Figures
from xr_ai_launcher._view.metrics import metrics_text

Start = Callable[..., Any]

STACK = (
    "stack: s\nroles:\n  a: {command: sleep 600}\n"
    "  b: {command: [sh, -c, 'echo up; exec sleep 600'], ready: {log: up}}\n"
)


@pytest.fixture
def url(tmp_path: Path, on_terminal: Start, free_port: int) -> str:
    (tmp_path / "stack.yaml").write_text(STACK)
    terminal = on_terminal("up", "--plain", "--metrics", str(free_port))
    terminal.wait_for_text("2 roles ready")
    terminal.wait_for_text(f"metrics: http://127.0.0.1:{free_port}/metrics")
    return f"http://127.0.0.1:{free_port}/metrics"


def _scrape(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return str(answer.read().decode())


def test_roles_and_what_they_use_are_served(url: str) -> None:
    text = _scrape(url)
    assert 'xrstack_up{stack="s"} 1\n' in text
    for role in "ab":
        assert f'xrstack_role_up{{stack="s",role="{role}"}} 1\n' in text
        assert f'xrstack_role_restarts_total{{stack="s",role="{role}"}} 0\n' in text
    ready_s = re.search(r'xrstack_role_ready_seconds\{stack="s",role="b"\} ([0-9.e-]+)\n', text)
    assert ready_s is not None
    assert 0 <= float(ready_s[1]) < 20
    memory = re.search(r'xrstack_role_memory_bytes\{stack="s",role="a"\} (\d+)\n', text)
    assert memory is not None
    assert 100_000 < int(memory[1]) < 50_000_000


def test_every_line_is_one_that_prometheus_reads(url: str) -> None:
    sample = re.compile(r'[a-z_]+\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\} [0-9.e+-]+')
    described = set()
    for line in _scrape(url).splitlines():
        if line.startswith("# TYPE "):
            described.add(line.split()[2])
        elif not line.startswith("# HELP "):
            assert sample.fullmatch(line), line
            assert line.partition("{")[0] in described


def test_other_paths_are_not_found(url: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        _scrape(url.replace("/metrics", "/"))


def test_clients_that_say_nothing_or_too_much_do_no_harm(url: str) -> None:
    address = ("127.0.0.1", int(url.split(":")[2].partition("/")[0]))
    silent = [socket.create_connection(address, timeout=10) for _ in range(8)]
    with socket.create_connection(address, timeout=10) as rude:
        rude.sendall(b"x" * (64 << 10))
        with contextlib.suppress(ConnectionResetError):
            assert rude.recv(100) == b""
    assert "xrstack_up" in _scrape(url)
    for client in silent:
        client.close()


def test_the_stack_file_names_the_port_and_the_command_line_another(
    tmp_path: Path, on_terminal: Start, free_port: int
) -> None:
    (tmp_path / "stack.yaml").write_text(f"{STACK}metrics: {free_port}\n")
    for _ in range(2):  # the second is started from the stored plan
        terminal = on_terminal("up", "--plain")
        terminal.wait_for_text(f"metrics: http://127.0.0.1:{free_port}/metrics")
        terminal.wait_for_text("2 roles ready")
        assert "xrstack_up" in _scrape(f"http://127.0.0.1:{free_port}/metrics")
        terminal.type("\x03")
        terminal.wait_for_end()
    terminal = on_terminal("up", "--plain", "--metrics", "0")
    terminal.wait_for_text("metrics: http://127.0.0.1:")
    assert f":{free_port}/metrics" not in terminal.text


def test_a_detached_stack_serves_them_too(tmp_path: Path, on_terminal: Start, free_port: int) -> None:
    (tmp_path / "stack.yaml").write_text(f"{STACK}metrics: {free_port}\n")
    terminal = on_terminal("up", "--detach")
    assert terminal.wait_for_end() == 0
    try:
        assert 'xrstack_role_up{stack="s",role="a"} 1' in _scrape(f"http://127.0.0.1:{free_port}/metrics")
    finally:
        assert on_terminal("down").wait_for_end() == 0


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path, on_terminal: Start) -> None:
    (tmp_path / "stack.yaml").write_text(STACK)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        terminal = on_terminal("up", "--plain", "--metrics", str(port))
        assert terminal.wait_for_end() == 2
        terminal.wait_for_text(f"metrics: port {port} is taken by ")
        assert "role" not in terminal.text


def test_names_cannot_break_the_format() -> None:
    role = RoleStatus('a"\\\n', "paused", restarts=3)
    text = metrics_text(StackStatus("s", "s-1", "/s.yaml", roles=(role,)), {'a"\\\n': Figures(cpu_s=1.5)})
    assert 'xrstack_role_restarts_total{stack="s",role="a\\"\\\\\\n"} 3\n' in text
    assert 'xrstack_role_state{stack="s",role="a\\"\\\\\\n",state="paused"} 1\n' in text
