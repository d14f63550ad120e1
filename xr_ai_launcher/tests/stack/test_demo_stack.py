"""The stacks of this product: every role of the demo on its port, and nothing the profile cannot start left on."""

from pathlib import Path

import pytest

from xr_ai_launcher._hardware import GpuReport
from xr_ai_launcher._stack.load import LoadedStack, StackOptions, load
from xr_ai_launcher._stack.plan import BinaryStep, DownloadSource, GoSource

STACKS = Path(__file__).parents[3] / "stacks"
PORTS = {
    "hub": {"web": 8080, "livekit": 7880, "livekit-tcp": 7881},
    "cloudxr": {"wss": 48322},
    "stt": {"http": 8103},
    "tts": {"http": 8105},
    "vlm": {"http": 8100},
    "llm": {"http": 8106},
    "agent-llm": {"http": 8107},
    "vlm-mcp": {"http": 8240},
    "video-mcp": {"http": 8210},
    "render-mcp": {"http": 8220},
    "oxr-mcp": {"http": 8230},
    "vec-mcp": {"http": 8250},
    "worker": {},
}


def _load(name: str, profile: str | None = None) -> LoadedStack:
    return load(STACKS / name, StackOptions(profile=profile), read_report=lambda: GpuReport(note="no NVIDIA driver"))


def test_the_demo_has_its_thirteen_roles_on_their_ports() -> None:
    assert {role.name: dict(role.ports) for role in _load("xr_render_demo.yaml").plan.roles} == PORTS


def test_without_a_gpu_only_cloudxr_and_lovr_are_off() -> None:
    plan = _load("xr_render_demo.yaml").plan
    assert plan.profile == "embedded"
    assert set(plan.disabled) == {"cloudxr", "setup lovr"}
    assert all("stacks/xr_render_demo.yaml:" in reason for reason in plan.disabled.values())
    assert [step.name for step in plan.enabled_setup] == ["livekit-server", "web-bundle"]


def test_nothing_is_ordered_every_program_waits_by_itself() -> None:
    assert [role.name for role in _load("xr_render_demo.yaml").plan.roles if role.after] == []


def test_two_runs_share_no_socket() -> None:
    for role in _load("xr_render_demo.yaml").plan.enabled_roles:
        assert role.env["XR_HUB_IN"].startswith("ipc://${run_dir}/")
        assert role.env["XR_HUB_PUB"].startswith("ipc://${run_dir}/")


@pytest.mark.parametrize("profile", ["spark", "96G_blackwell", "dual_48G_ada"])
def test_a_gpu_profile_plans_every_role_and_says_what_each_still_needs(profile: str) -> None:
    plan = _load("xr_render_demo.yaml", profile).plan
    assert plan.disabled == {}
    needs = {role.name: [need.command for need in role.requires] for role in plan.roles if role.requires}
    assert needs == {
        "stt": ["nemo_stt_server"],
        "vlm": ["vllm"],
        "llm": ["vllm"],
        "agent-llm": ["vllm"],
        "cloudxr": ["cloudxr_runtime"],
    }
    assert all(need.hint for role in plan.roles for need in role.requires)


def test_livekit_comes_without_docker_or_network_where_possible() -> None:
    (step,) = [step for step in _load("hub_only.yaml").plan.setup if step.name == "livekit-server"]
    assert isinstance(step.step, BinaryStep)
    kinds = [type(source).__name__.removesuffix("Source") for source in step.step.sources]
    assert kinds == ["Env", "Path", "File", "File", "Download", "Download", "Go", "Docker"]
    downloads = [source for source in step.step.sources if isinstance(source, DownloadSource)]
    assert {source.platform for source in downloads} == {"linux/x86_64", "linux/aarch64"}
    (go,) = [source for source in step.step.sources if isinstance(source, GoSource)]
    assert go.version == "v1.13.5"
    # What the go source installs is what the file source finds the next time.
    assert go.result in {getattr(source, "path", None) for source in step.step.sources}


@pytest.mark.parametrize("path", sorted(STACKS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_stack_has_a_name_and_a_description(path: Path) -> None:
    plan = _load(path.name).plan
    assert plan.name.replace("-", "_") == path.stem
    assert plan.description
    assert all(role.description for role in plan.roles)
