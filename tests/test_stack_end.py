"""How a stack ends: any role killed, Ctrl-C, and never a process or a busy port left behind."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kit.processes import busy_ports, wait_until
from kit.stack import ROOT, RunningStack, running_stack, starting_stack

pytestmark = pytest.mark.timeout(240)

PORTS = (8080, 7880, 7881, 8100, 8103, 8105, 8106, 8107, 8210, 8220, 8230, 8240, 8250)
# What a program of ours may take to end after SIGTERM, and what the issue allows on top.
STOP_GRACE_S = 10.0
REACTION_S = 2.0


ROLES = (
    "hub", "stt", "tts", "vlm", "llm", "agent-llm", "vlm-mcp", "video-mcp", "render-mcp", "oxr-mcp", "vec-mcp",
    "worker",
)  # fmt: skip
KILLED_WHEN_READY = ("hub", "worker", "render-mcp")


def running(role: str, stack: RunningStack) -> bool:
    """Whether the role's process is there."""
    try:
        stack.role(role)
    except AssertionError:
        return False
    return True


def assert_nothing_left(stack: RunningStack) -> None:
    wait_until(lambda: not stack.processes(), within_s=3, what=f"processes left: {stack.processes()}")
    wait_until(lambda: not busy_ports(PORTS), within_s=3, what=f"busy ports: {busy_ports(PORTS)}")


def assert_ends_by_the_kill_of(role: str, stack: RunningStack) -> None:
    stack.role(role).kill()
    code = stack.wait(STOP_GRACE_S + REACTION_S)
    assert code == 128 + signal.SIGKILL
    ending = stack.output.splitlines()[-30:]
    assert any(f"{role} ended" in line and "SIGKILL" in line for line in ending), "\n".join(ending)
    assert any("its last lines" in line or "it printed nothing" in line for line in ending)
    assert_nothing_left(stack)


# Each role once: a few when everything is ready, the others while everything starts, which takes a tenth of the time.
# All of them when everything is ready: pytest -m thorough tests/test_stack_end.py
@pytest.mark.parametrize("role", KILLED_WHEN_READY)
def test_a_killed_role_ends_the_stack_and_is_named(role: str) -> None:
    with running_stack("xr_render_demo.yaml", "--profile embedded") as stack:
        assert_ends_by_the_kill_of(role, stack)


@pytest.mark.parametrize("role", [role for role in ROLES if role not in KILLED_WHEN_READY])
def test_a_role_killed_while_the_stack_starts_ends_it_and_is_named(role: str) -> None:
    with starting_stack("xr_render_demo.yaml", "--profile embedded") as stack:
        wait_until(lambda: running(role, stack), within_s=60, what=f"{role} has not been started")
        assert_ends_by_the_kill_of(role, stack)


@pytest.mark.thorough
@pytest.mark.parametrize("role", ROLES)
def test_any_killed_role_ends_the_stack_and_is_named(role: str) -> None:
    with running_stack("xr_render_demo.yaml", "--profile embedded") as stack:
        assert_ends_by_the_kill_of(role, stack)


def test_every_role_is_killed_once() -> None:
    command = [str(Path(sys.executable).parent / "xrstack"), "plan", "--json", "--profile", "embedded"]
    planned = subprocess.run([*command, "stacks/xr_render_demo.yaml"], cwd=ROOT, capture_output=True, check=True).stdout
    assert set(ROLES) == {role["name"] for role in json.loads(planned)["roles"] if role["enabled"]}


def test_a_killed_media_server_ends_the_stack_through_its_hub() -> None:
    with running_stack("hub_only.yaml") as stack:
        media_server = next(p for p in stack.processes() if p.name() in {"server", "livekit-server"})
        media_server.kill()
        assert stack.process.wait(STOP_GRACE_S + REACTION_S) == 1
        assert "livekit" in stack.output.lower()
        assert_nothing_left(stack)


def test_ctrl_c_ends_everything_with_130() -> None:
    with running_stack("xr_render_demo.yaml", "--profile embedded") as stack:
        assert stack.stop(signal.SIGINT) == 130
        assert_nothing_left(stack)


def test_a_killed_launcher_leaves_nothing() -> None:
    with running_stack("hub_only.yaml") as stack:
        stack.process.kill()
        stack.process.wait()
        assert_nothing_left(stack)
