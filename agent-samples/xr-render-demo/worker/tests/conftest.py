"""A small world for the worker: real MCP tools and scripted models, both over HTTP, and an outbox that keeps all."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from kit.processes import own_port
from kit.scene_tools import SceneTools, mcp_server
from starlette.responses import Response

from xr_ai_agent import DataMessage
from xr_ai_models import OpenAICompatLLM, OpenAICompatSTT, OpenAICompatTTS, OpenAICompatVLM
from xr_ai_models.testing import ReceivedRequest, ScriptedServer, chat, scripted_server
from xr_render_demo_worker.camera import Camera, CameraTimes
from xr_render_demo_worker.config import WorkerConfig
from xr_render_demo_worker.context import Request
from xr_render_demo_worker.models import Models
from xr_render_demo_worker.outbox import Outbox
from xr_render_demo_worker.prompts import Prompts
from xr_render_demo_worker.session import Agent, Session
from xr_render_demo_worker.tool_server import ToolServer
from xr_render_demo_worker.toolbox import ToolBox

DEADLINE_S = 30.0


@dataclass
class KeptOutbox:
    """A return path that keeps what each participant was sent."""

    sent: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    statuses: dict[str, list[str]] = field(default_factory=dict)

    async def send_return_data(self, message: DataMessage) -> bool:
        self.sent.setdefault(message.participant_id, []).append((message.topic, message.data.decode()))
        return True

    async def set_status(self, status: str, participant_id: str | None = None) -> None:
        assert participant_id is not None
        self.statuses.setdefault(participant_id, []).append(status)

    def of(self, participant_id: str, topic: str) -> list[str]:
        return [text for each, text in self.sent.get(participant_id, []) if each == topic]


AckHandler = Callable[[ReceivedRequest], Response | Awaitable[Response]]


@dataclass
class World:
    """Everything one conversation needs; ``model`` answers both language models, told apart by their schema."""

    tools: SceneTools
    tool_port: int
    model: ScriptedServer
    agent: Agent
    out: KeptOutbox
    ack: AckHandler
    loop_requests: list[ReceivedRequest] = field(default_factory=list)
    spoken: dict[str, list[str]] = field(default_factory=dict)
    answers: list[Any] = field(default_factory=list)

    def script(self, *answers: Any) -> None:
        """Queue what the agent model answers; the last answer stays."""
        self.answers = list(answers)

    def session(self, participant_id: str = "alice") -> Session:
        outbox = Outbox(participant_id, self.out)
        times = CameraTimes(
            max_age_s=30.0, start_timeout_s=0.2, permission_timeout_s=0.1, grace_s=0.1, question_s=0.3, release_s=0.2
        )
        return Session(participant_id, self.agent, outbox, Camera(NoFrames(), self.agent.models.vlm, outbox, times))

    async def ask(self, session: Session, text: str, **heard: Any) -> str:
        """Let a session handle a request and return the reply that was sent."""

        async def say(words: str) -> None:
            self.spoken.setdefault(session.participant_id, []).append(words)

        async with asyncio.timeout(DEADLINE_S):
            await session.handle(Request(text, **heard), say)
        return self.out.of(session.participant_id, "agent.response")[-1]

    def sections(self, index: int = -1) -> dict[str, str]:
        """Return the sections of the last user message of a request to the agent model."""
        messages = [m for m in self.loop_requests[index].json["messages"] if m["role"] == "user"]
        found: dict[str, str] = {}
        name = ""
        for line in messages[-1]["content"].splitlines():
            if line.startswith("[") and line.endswith("]") and line[1:2].isupper():
                name = line[1:-1]
                found[name] = ""
            else:
                found[name] += line
        return found

    def answer(self, received: ReceivedRequest) -> Any:
        schema = (received.json.get("response_format") or {}).get("json_schema", {}).get("name")
        if schema == "quick_ack":
            return self.ack(received)
        if schema == "still_working":
            return chat(json.dumps({"text": "Still looking for the spot"}))
        self.loop_requests.append(received)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(received) if callable(answer) and not isinstance(answer, Response) else answer


@pytest.fixture
def scene_tools() -> SceneTools:
    return SceneTools()


@pytest.fixture
def serve_tools() -> Any:
    return mcp_server


class NoFrames:
    """A hub without pictures."""

    async def request_frame(self, signal: Any, timeout: float = 1.0) -> None:
        return None


def ack_answer(ack: str = "On it", *, think: bool = False) -> AckHandler:
    return lambda _received: chat(json.dumps({"ack": ack, "think": think}))


@pytest.fixture
def worker_settings() -> Mapping[str, Any]:
    """Overridden by tests that need other limits."""
    return {}


@dataclass
class Peers:
    """The servers that all tests of a session share: starting them takes longer than most tests."""

    tools: SceneTools
    tool_port: int
    toolbox: ToolBox
    model: ScriptedServer
    models: Models

    def as_new(self) -> None:
        for blocked in self.tools.blocked.values():
            blocked.set()
        self.tools.__init__()  # type: ignore[misc]  # the tools are bound to this object, so it starts over
        self.model.requests.clear()


@pytest.fixture(scope="session")
async def peers(anyio_backend: str) -> AsyncIterator[Peers]:
    tools, port = SceneTools(), own_port()
    toolbox = ToolBox({"render-mcp": ToolServer("render-mcp", f"http://127.0.0.1:{port}/mcp")}, timeout_s=20.0)
    async with mcp_server(tools, port), scripted_server() as model:
        models = Models(
            llm=OpenAICompatLLM(model.url, "llm", name="llm"),
            agent_llm=OpenAICompatLLM(model.url, "llm", name="agent_llm"),
            stt=OpenAICompatSTT(model.url),
            tts=OpenAICompatTTS(model.url),
            vlm=OpenAICompatVLM(model.url, "vlm"),
        )
        toolbox.start()
        async with asyncio.timeout(DEADLINE_S):
            await toolbox.servers["render-mcp"].wait_connected()
        yield Peers(tools, port, toolbox, model, models)
        await toolbox.close()
        await models.close()


@pytest.fixture
def world(peers: Peers, worker_settings: Mapping[str, Any]) -> World:
    peers.as_new()
    agent = Agent(WorkerConfig(**worker_settings), peers.models, peers.toolbox, Prompts())
    made = World(peers.tools, peers.tool_port, peers.model, agent, KeptOutbox(), ack_answer())
    peers.model.answer(made.answer)
    return made
