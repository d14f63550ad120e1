"""The small parts: truth, calls in text, progress lines, pictures, prompts, peers that are missing, XR starts."""

import asyncio
import io
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kit.processes import own_port
from PIL import Image

from xr_ai_agent import FrameData, PixelFormat
from xr_ai_models import OpenAICompatSTT, OpenAICompatTTS
from xr_ai_program import Readiness, StartupError
from xr_ai_program.testing import eventually
from xr_render_demo_worker.frame_image import to_jpeg, to_rgb
from xr_render_demo_worker.outbox import Outbox
from xr_render_demo_worker.progress import progress_text
from xr_render_demo_worker.prompts import BUILT_IN_PROMPTS, Prompts
from xr_render_demo_worker.scene import Change
from xr_render_demo_worker.startup import wait_for_peers
from xr_render_demo_worker.tool_server import ToolServer
from xr_render_demo_worker.toolbox import ToolBox
from xr_render_demo_worker.truth import Evidence, claims_change, is_contradicted
from xr_render_demo_worker.xr_session import XrStarter

# --- truth ---


@pytest.mark.parametrize(
    "reply",
    [
        "I added a red box.",
        "Added a cube.",
        "Done.",
        "Okay, moved it up.",
        "I've just made it blue.",
        "It has been deleted.",
        'I added a box, and you said: "do not add more".',
    ],
)
def test_claims_are_recognised(reply: str) -> None:
    assert claims_change(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "There is no pyramid here.",
        "I could not add that.",
        "I did not move anything.",
        "Did you mean the red one?",
        "The red box is on your left.",
        "It is already blue.",
        "Sorry, that failed.",
        "You can say: put a red cube in front of me.",
        "I can add boxes and spheres.",
        'I said: "I made the red cube white."',
    ],
)
def test_descriptions_questions_and_denials_are_no_claims(reply: str) -> None:
    assert not claims_change(reply)


def test_a_claim_needs_a_change_or_at_least_a_tool_that_vouches_when_nobody_can_look() -> None:
    change = Change(None, {"id": "box-0"})
    claim = "I added a box."
    assert not is_contradicted(claim, Evidence([change]))
    assert is_contradicted(claim, Evidence([]))
    assert is_contradicted(claim, Evidence(None))
    assert not is_contradicted(claim, Evidence(None, ["add_primitive"], ["add_primitive"]))
    assert is_contradicted(claim, Evidence([], ["add_primitive"], ["add_primitive"]))
    assert not is_contradicted("The box is now blue.", Evidence([]))
    assert is_contradicted("The box is now blue.", Evidence([], ["update_primitive"], []))


# --- progress ---


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        ("add_primitive", '{"prim_type": "box"}', "Adding a box"),
        ("add_primitive", "{broken", "Adding an object"),
        ("remove_primitive", '["x"]', "Removing the object"),
        ("update_primitive", '{"obj_id": "sphere-12", "x": 1}', "Changing the sphere"),
        ("list_live_participants", "", "Using list live participants"),
    ],
)
def test_each_tool_has_a_line_whatever_its_arguments(tool: str, arguments: str, text: str) -> None:
    assert progress_text(tool, arguments) == text


# --- pictures ---


def _frame(fmt: PixelFormat, data: bytes, width: int = 5, height: int = 3) -> FrameData:
    return FrameData(1, 0, width, height, fmt, data, "alice", "cam")


@pytest.mark.parametrize(
    ("fmt", "data"),
    [
        (PixelFormat.RGB24, bytes([200, 120, 40]) * 15),
        (PixelFormat.RGBA, bytes([200, 120, 40, 255]) * 15),
        (PixelFormat.BGRA, bytes([40, 120, 200, 255]) * 15),
        # BT.601 limited range of (200, 120, 40): Y 132, U 81, V 169.
        (PixelFormat.I420, bytes([132] * 15 + [81] * 6 + [169] * 6)),
        (PixelFormat.NV12, bytes([132] * 15 + [81, 169] * 6)),
    ],
)
def test_every_pixel_format_becomes_the_same_picture(fmt: PixelFormat, data: bytes) -> None:
    rgb = to_rgb(_frame(fmt, data))
    assert rgb.shape == (3, 5, 3)
    np.testing.assert_allclose(rgb.reshape(-1, 3).mean(axis=0), [200, 120, 40], atol=3)
    assert Image.open(io.BytesIO(to_jpeg(_frame(fmt, data)))).size == (5, 3)


def test_a_frame_with_too_few_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"5x3 I420 frame has 27 bytes, got 4"):
        to_rgb(_frame(PixelFormat.I420, b"1234"))


# --- prompts ---


def test_prompts_are_read_again_when_edited_and_survive_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "system.txt"
    path.write_text("one")
    prompts = Prompts(tmp_path)
    assert prompts.system == "one"
    path.write_text("two")
    os.utime(path, ns=(1, 1))
    assert prompts.system == "two"
    path.unlink()
    assert prompts.system == "two"


def test_the_prompt_speaks_only_of_shapes_and_tools_that_exist() -> None:
    prompts = Prompts(BUILT_IN_PROMPTS)
    assert not {"cone", "cylinder", "capsule", "ring"} & set(re.findall(r"[a-z]+", prompts.system.lower()))
    assert len(prompts.system.split()) < 1200
    assert '"ack"' in prompts.quick_ack
    assert '"text"' in prompts.still_working


# --- peers ---


class _Lines(Readiness):
    def __init__(self) -> None:
        super().__init__(notify_socket="")
        self.lines: list[str] = []

    def status(self, text: str) -> None:
        self.lines.append(text)


@pytest.mark.anyio
async def test_missing_peers_are_named_while_waiting_and_at_the_deadline(world: Any) -> None:
    readiness = _Lines()
    absent = ToolBox({"oxr-mcp": ToolServer("oxr-mcp", f"http://127.0.0.1:{own_port()}/mcp")}, 1.0)
    absent.start()
    models = {"stt": OpenAICompatSTT(world.model.url), "tts": OpenAICompatTTS(f"http://127.0.0.1:{own_port()}")}
    with pytest.raises(StartupError) as caught:
        await wait_for_peers(models, absent, readiness, timeout_s=2.0)
    assert "missing: oxr-mcp (tools), tts (model)." in str(caught.value)
    assert "oxr-mcp (All connection attempts failed)" in str(caught.value)
    assert readiness.lines[0] == "waiting for oxr-mcp (tools), stt (model), tts (model)"
    assert readiness.lines[-1] == "waiting for oxr-mcp (tools), tts (model)"
    await absent.close()


@pytest.mark.anyio
async def test_peers_that_come_late_are_waited_for(scene_tools: Any, serve_tools: Any) -> None:
    port = own_port()
    tools = ToolBox({"render-mcp": ToolServer("render-mcp", f"http://127.0.0.1:{port}/mcp")}, 1.0)
    tools.start()
    waiting = asyncio.ensure_future(wait_for_peers({}, tools, _Lines(), timeout_s=60))
    await eventually(lambda: "not tried" not in tools.servers["render-mcp"].last_error)
    async with serve_tools(scene_tools, port):
        await waiting
    await tools.close()


# --- status ---


@pytest.mark.anyio
async def test_the_most_telling_activity_is_the_status_and_idle_never_flickers(world: Any) -> None:
    outbox = Outbox("alice", world.out)
    for activity in ("listening", "processing"):
        await outbox.begin(activity)
    for activity in ("listening", "processing"):
        await outbox.end(activity)
    await outbox.begin("speaking")
    await outbox.end("speaking")
    assert world.out.statuses["alice"] == ["listening", "processing", "speaking", "idle"]
    await outbox.repeat_status()
    assert world.out.statuses["alice"][-2:] == ["idle", "idle"]


# --- headset sessions ---


@pytest.mark.anyio
async def test_a_renderer_that_starts_is_announced_and_one_that_cannot_says_why(world: Any) -> None:
    server = world.agent.tools.servers["render-mcp"]
    starter, impatient = XrStarter(server, timeout_s=30), XrStarter(server, timeout_s=1.0)
    outbox = Outbox("alice", world.out)
    await starter.start(outbox)
    assert world.out.sent["alice"] == [("render.ready", "")]
    world.tools.health = {"lovr_started": False, "spawn_error": "no OpenXR runtime"}
    await starter.start(outbox)
    world.tools.health = {"lovr_started": False, "spawn_error": None}
    await impatient.start(outbox)
    world.tools.broken["start_xr"] = {"status": "error", "error": "lovr_bin is not executable"}
    await starter.start(outbox)
    assert world.out.of("alice", "render.failed") == [
        "no OpenXR runtime",
        "the renderer did not start within 1 s",
        "lovr_bin is not executable",
    ]


@pytest.mark.anyio
async def test_nothing_is_latched_so_a_renderer_that_died_is_started_again(world: Any) -> None:
    starter = XrStarter(world.agent.tools.servers["render-mcp"], timeout_s=30)
    outbox = Outbox("alice", world.out)
    await asyncio.gather(starter.start(outbox), starter.start(outbox))
    assert [tool for _, tool in world.tools.calls] == ["start_xr", "get_health"] * 2
