"""How a stack ends: any role killed, Ctrl-C, and never a process or a busy port left behind."""

import json
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from kit.processes import busy_ports
from kit.stack import ROOT, RunningStack, running_stack, starting_stack

import yaml
from xr_ai_launcher.testing import wait_for

pytestmark = pytest.mark.timeout(240)

ROLES = (
    "hub", "stt", "tts", "vlm", "llm", "agent-llm", "vlm-mcp", "video-mcp", "render-mcp", "oxr-mcp", "vec-mcp",
    "worker",
)  # fmt: skip
KILLED_WHEN_READY = ("hub", "worker", "render-mcp", "stt", "agent-llm", "video-mcp")


@cache
def planned_roles() -> dict[str, dict[str, Any]]:
    """The demo's roles as the launcher plans them."""
    command = [str(Path(sys.executable).parent / "xrstack"), "plan", "--json", "--profile", "embedded"]
    planned = subprocess.run([*command, "stacks/xr_render_demo.yaml"], cwd=ROOT, capture_output=True, check=True).stdout
    return {role["name"]: role for role in json.loads(planned)["roles"] if role["enabled"]}


@cache
def demo_ports() -> tuple[list[int], list[int]]:
    """The TCP ports of all roles, and the UDP port of the media server, which its hub's configuration names."""
    hub = planned_roles()["hub"]
    config = yaml.safe_load(Path(hub["argv"][hub["argv"].index("--config") + 1]).read_text())
    defaults = yaml.safe_load((ROOT / "server-runtime/xr_media_hub.yaml").read_text())
    return (
        [port for role in planned_roles().values() for port in role["ports"].values()],
        [(defaults | config)["lk_port_udp"]],
    )


def busy() -> list[int]:
    """Those of the demo's ports that somebody holds."""
    tcp, udp = demo_ports()
    return [*busy_ports(tcp), *busy_ports(udp, is_udp=True)]


def running(role: str, stack: RunningStack) -> bool:
    """Whether the role's process is there."""
    try:
        stack.role(role)
    except AssertionError:
        return False
    return True


def assert_nothing_left(stack: RunningStack) -> None:
    wait_for(lambda: not stack.processes(), f"processes left: {stack.processes()}")
    wait_for(lambda: not busy(), f"busy ports: {busy()}")


def assert_ends_by_the_kill_of(role: str, stack: RunningStack) -> None:
    stack.role(role).kill()
    code = stack.wait()
    assert code == 128 + signal.SIGKILL
    lines = stack.output.splitlines()
    ending = lines[-30:]
    assert any(f"{role} ended" in line and "SIGKILL" in line for line in ending), "\n".join(ending)
    assert_last_lines_are_told(role, lines)
    assert_nothing_left(stack)


def assert_last_lines_are_told(role: str, lines: list[str]) -> None:
    """What the role printed last is repeated at the end; only of one that printed nothing is that said."""
    printed = [text for name, _, text in (line.partition("│ ") for line in lines) if name.strip() == role]
    told = [text.strip() for name, _, text in (line.partition("│ ") for line in lines) if name.strip() == "xrstack"]
    if not printed:
        assert "it printed nothing" in told
        return
    assert "it printed nothing" not in told
    assert printed[-1].strip() in told[told.index("its last lines:") :]


# Each role once: half of them when everything is ready, the others while everything starts, which takes a tenth of the
# time.
# All of them when everything is ready: pytest -m thorough tests/test_stack_end.py
@pytest.mark.parametrize("role", KILLED_WHEN_READY)
def test_a_killed_role_ends_the_stack_and_is_named(role: str) -> None:
    with running_stack("xr_render_demo.yaml", "--profile embedded") as stack:
        assert_ends_by_the_kill_of(role, stack)


@pytest.mark.parametrize("role", [role for role in ROLES if role not in KILLED_WHEN_READY])
def test_a_role_killed_while_the_stack_starts_ends_it_and_is_named(role: str) -> None:
    with starting_stack("xr_render_demo.yaml", "--profile embedded") as stack:
        wait_for(lambda: running(role, stack), f"{role} is started", within_s=60)
        assert_ends_by_the_kill_of(role, stack)


@pytest.mark.thorough
@pytest.mark.parametrize("role", ROLES)
def test_any_killed_role_ends_the_stack_and_is_named(role: str) -> None:
    with running_stack("xr_render_demo.yaml", "--profile embedded") as stack:
        assert_ends_by_the_kill_of(role, stack)


def test_every_role_is_killed_once() -> None:
    assert set(ROLES) == set(planned_roles())


def test_a_killed_media_server_ends_the_stack_through_its_hub() -> None:
    with running_stack("hub_only.yaml") as stack:
        media_server = next(p for p in stack.processes() if p.name() in {"server", "livekit-server"})
        media_server.kill()
        assert stack.wait() == 1
        assert "livekit" in stack.output.lower()
        assert_nothing_left(stack)


def test_ctrl_c_ends_everything_with_130() -> None:
    with running_stack("xr_render_demo.yaml", "--profile embedded") as stack:
        tcp, udp = demo_ports()
        assert busy() == [*tcp, *udp], "the ports looked at are those that are used"
        assert stack.stop(signal.SIGINT) == 130
        assert_nothing_left(stack)


def test_a_killed_launcher_leaves_nothing() -> None:
    with running_stack("hub_only.yaml") as stack:
        stack.process.kill()
        stack.process.wait()
        assert_nothing_left(stack)
