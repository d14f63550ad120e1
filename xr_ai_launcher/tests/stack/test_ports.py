"""Ports are checked before anything starts, and whoever holds one is named."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from xr_ai_launcher._stack.ports import check_ports


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


HOLDER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as sock:
    print(sock.getsockname()[1], flush=True)
    sys.stdin.read()
"""


def _stack(port: int, rest: str = "") -> str:
    return f"stack: s\nroles:\n  web: {{command: python, ports: {{http: {port}}}{rest}}}\n"


def test_a_taken_port_names_the_program_that_holds_it_and_the_repair(folder: Any, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    (problem,) = check_ports(folder.load(_stack(port)))
    first = str(problem).splitlines()[0]
    assert first.startswith(f"stack.yaml:3:40: roles.web.ports.http: port {port} is taken by ")
    assert f"(pid {os.getpid()})" in first
    assert "--set roles.web.ports.http=NUMBER" in first


def test_a_port_held_by_another_program_names_that_one(folder: Any) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        port = int(holder.stdout.readline())
        (problem,) = check_ports(folder.load(_stack(port)))
        assert f"(pid {holder.pid})" in problem.message
        holder.communicate()


def test_a_listener_on_all_addresses_is_seen_too(folder: Any) -> None:
    with socket.create_server(("0.0.0.0", 0)) as sock:
        assert len(check_ports(folder.load(_stack(sock.getsockname()[1])))) == 1


def test_a_free_port_is_no_problem_even_right_after_it_was_used(folder: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            connection, _ = sock.accept()
            connection.close()  # the server's end closes first and lingers in TIME_WAIT
            client.recv(1)
    assert check_ports(folder.load(_stack(port))) == []


@pytest.mark.parametrize("rest", [", enabled: false", ", launch: persist", ", launch: reuse, ready: {tcp: http}"])
def test_roles_that_are_off_or_may_run_already_have_no_port_to_check(
    folder: Any, listener: socket.socket, rest: str
) -> None:
    assert check_ports(folder.load(_stack(listener.getsockname()[1], rest))) == []


def test_an_address_that_is_not_of_this_machine_is_said(folder: Any) -> None:
    (problem,) = check_ports(folder.load(_stack(8000, ", host: 192.0.2.1")))
    assert problem.message == "port 8000 on 192.0.2.1: Cannot assign requested address"
    assert problem.hint.startswith("choose another host or port")
