"""The worker with the embedded language as its model: what both have agreed on about taking back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from kit.processes import own_port
from kit.scene_tools import SceneTools, mcp_server

from xr_ai_models import OpenAICompatLLM, OpenAICompatSTT, OpenAICompatTTS, OpenAICompatVLM
from xr_ai_program.testing import running_program
from xr_render_demo_worker.camera import Camera, CameraTimes
from xr_render_demo_worker.config import WorkerConfig
from xr_render_demo_worker.context import Request
from xr_render_demo_worker.models import Models
from xr_render_demo_worker.outbox import Outbox
from xr_render_demo_worker.prompts import Prompts
from xr_render_demo_worker.session import Agent, Session
from xr_render_demo_worker.tool_server import ToolServer
from xr_render_demo_worker.toolbox import ToolBox

pytestmark = pytest.mark.anyio

_DEADLINE_S = 30.0
_RED, _BLUE = {"r": 1.0, "g": 0.0, "b": 0.0}, {"r": 0.0, "g": 0.0, "b": 1.0}


class _Nowhere:
    """A hub to which nothing is sent and which has no pictures."""

    async def send_return_data(self, message: Any) -> bool:
        return True

    async def set_status(self, status: str, participant_id: str | None = None) -> None:
        """Nobody looks."""

    async def request_frame(self, signal: Any, timeout: float = 1.0) -> None:
        return None


def _object(name: str, x: float, color: dict[str, float]) -> dict[str, Any]:
    kind = name.partition("-")[0]
    return {"id": name, "type": kind, "position": {"x": x, "y": 1.6, "z": -2.0}, "color": dict(color), "size": 0.1}


@pytest.fixture
async def tools() -> SceneTools:
    tools = SceneTools()
    tools.scenes["alice"] = {"box-0": _object("box-0", 0.0, _RED), "sphere-0": _object("sphere-0", 1.0, _BLUE)}
    tools.counts = {"box": 0, "sphere": 0}
    return tools


@pytest.fixture
async def ask(tools: SceneTools) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Let alice ask for something; returns what she hears last."""
    tool_port, model_port, nowhere = own_port(), own_port(), _Nowhere()
    toolbox = ToolBox({"render-mcp": ToolServer("render-mcp", f"http://127.0.0.1:{tool_port}/mcp")}, timeout_s=5.0)
    program = running_program("llm_server", {"port": model_port, "model_name": "llm"})
    await asyncio.to_thread(program.__enter__)
    url = f"http://127.0.0.1:{model_port}"
    llm, agent_llm = OpenAICompatLLM(url, "llm", name="llm"), OpenAICompatLLM(url, "llm", name="agent_llm")
    models = Models(llm, agent_llm, OpenAICompatSTT(url), OpenAICompatTTS(url), OpenAICompatVLM(url, "vlm"))
    times = CameraTimes(
        max_age_s=2.0, start_timeout_s=1.0, permission_timeout_s=1.0, grace_s=1.0, question_s=1.0, release_s=1.0
    )
    try:
        async with mcp_server(tools, tool_port):
            toolbox.start()
            outbox = Outbox("alice", nowhere)
            agent = Agent(WorkerConfig(), models, toolbox, Prompts())
            session = Session("alice", agent, outbox, Camera(nowhere, models.vlm, outbox, times))
            heard: list[str] = []

            async def say(words: str) -> None:
                heard.append(words)

            async def ask(text: str) -> str:
                async with asyncio.timeout(_DEADLINE_S):
                    await session.handle(Request(text), say)
                return heard[-1]

            async with asyncio.timeout(_DEADLINE_S):
                await toolbox.servers["render-mcp"].wait_connected()
            yield ask
            await toolbox.close()
    finally:
        await models.close()
        await asyncio.to_thread(program.__exit__, None, None, None)


async def test_everything_is_taken_back_made_again_and_brought_back_in_words(
    tools: SceneTools, ask: Callable[[str], Awaitable[str]]
) -> None:
    assert await ask("make the red cube blue") == "I made the red cube blue."
    assert await ask("delete the sphere") == "I deleted the blue sphere."
    assert await ask("bring everything back") == "I brought the blue sphere back."
    assert await ask("bring everything back") == 'Nothing is gone; say "undo" to take the last change back.'
    assert [item["color"] for item in tools.objects("alice")] == [_BLUE, _BLUE], "an older change was undone"
    assert await ask("undo everything") == "I took back all 3 changes."
    assert [item["color"] for item in tools.objects("alice")] == [_RED, _BLUE]
    assert await ask("redo") == "I made all 3 changes again."
    assert await ask("undo") == "I took the blue sphere away again."
    assert await ask("bring it back") == "I put the blue sphere back."
    assert [item["color"] for item in tools.objects("alice")] == [_BLUE, _BLUE]


async def test_what_is_named_comes_back_and_not_what_went_last(
    tools: SceneTools, ask: Callable[[str], Awaitable[str]]
) -> None:
    assert await ask("delete the red cube") == "I deleted the red cube."
    assert await ask("delete the sphere") == "I deleted the blue sphere."
    assert (await ask("bring the green cube back")).startswith("Nothing like that is gone")
    assert await ask("bring the red cube back") == "I brought the red cube back."
    assert [item["color"] for item in tools.objects("alice")] == [_RED]
    assert await ask("i want the sphere back") == "Did you mean: bring the sphere back?"
    assert await ask("yes") == "I brought the blue sphere back."
