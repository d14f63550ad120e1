"""The real program as a child of the test, between a real hub, real tools and scripted models."""

import asyncio
import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kit.processes import own_port
from kit.scene_tools import SceneTools, mcp_server
from kit.stack import ROOT
from PIL import Image
from starlette.responses import JSONResponse, Response

import yaml
from xr_ai_agent import AudioChunk, DataMessage, HubEndpoint, PixelFormat
from xr_ai_models import load_models_config
from xr_ai_models.testing import chat, scripted_server, tool_calls
from xr_ai_program.testing import eventually, flite_wav, running_program

pytestmark = pytest.mark.anyio

FOLDER = ROOT / "agent-samples" / "xr-render-demo"


class Scene:
    """The program under test with everything around it."""

    def __init__(
        self, connector: Any, model: Any, tools: Any, worker: Callable[[], AbstractAsyncContextManager[None]]
    ) -> None:
        self.connector = connector
        self.model = model
        self.tools = tools
        self.worker = worker
        self.sent: dict[str, list[tuple[str, str]]] = {}
        self.audio: dict[str, int] = {}
        self.spoken: list[str] = []
        self.pictures: list[Image.Image] = []
        self.transcript = "add a red box"
        connector.on_return_data(self._told)
        connector.on_return_audio(self._heard)
        model.answer(self._answer)

    def _told(self, message: DataMessage) -> None:
        self.sent.setdefault(message.participant_id, []).append((message.topic, message.data.decode()))

    def _heard(self, chunk: AudioChunk) -> None:
        self.audio[chunk.participant_id] = self.audio.get(chunk.participant_id, 0) + chunk.samples

    def of(self, participant: str, topic: str) -> list[str]:
        return [text for each, text in self.sent.get(participant, []) if each == topic]

    async def join(self, participant: str) -> None:
        await self.connector.notify_participant_joined(participant, 0)

    async def type(self, participant: str, text: str, topic: str = "") -> None:
        await self.connector.push_data(DataMessage(participant, topic, 0, text.encode()))

    def _answer(self, received: Any) -> Response:
        if received.path == "/v1/audio/transcriptions":
            return JSONResponse({"text": self.transcript, "confidence": 0.8, "alternatives": ["at a red box"]})
        if received.path == "/v1/audio/speech":
            self.spoken.append(received.json["input"])
            return Response(_wav(np.full(2000, 5000)))
        return self._chat(received.json)

    def _chat(self, body: dict[str, Any]) -> Response:
        if body.get("response_format"):
            return chat(json.dumps({"ack": "On it", "think": False}))
        if body["model"] == "vlm":
            url = body["messages"][-1]["content"][0]["image_url"]["url"]
            self.pictures.append(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))
            return chat("You hold an orange card.")
        if body["messages"][-1]["role"] == "tool":
            answer = json.loads(body["messages"][-1]["content"])
            return chat(answer.get("answer") or f"I added a box for {body['user']}.")
        if "hold" in body["messages"][-1]["content"]:
            return tool_calls(("look_at_current_frame", {"question": "what is held?"}))
        return tool_calls(("add_primitive", {"prim_type": "box", "r": 1, "g": 0, "b": 0}))


def _wav(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


@asynccontextmanager
async def _worker(config: dict[str, Any], addresses: dict[str, str]) -> AsyncIterator[None]:
    program = running_program("xr_render_demo_worker", config, env=addresses)
    child = await asyncio.to_thread(program.__enter__)
    try:
        yield
        assert await asyncio.to_thread(child.stop) == 0, child.output()
        assert "Traceback" not in child.output(), child.output()
    finally:
        await asyncio.to_thread(program.__exit__, None, None, None)


@pytest.fixture
async def scene(late_scene: Scene) -> AsyncIterator[Scene]:
    """A room with the worker in it."""
    async with late_scene.worker():
        yield late_scene


@pytest.fixture
async def late_scene(tmp_path: Path) -> AsyncIterator[Scene]:
    addresses = {"XR_HUB_IN": f"ipc://{tmp_path}/in", "XR_HUB_PUB": f"ipc://{tmp_path}/pub"}
    port = own_port()
    hub = HubEndpoint(addresses["XR_HUB_IN"], addresses["XR_HUB_PUB"])
    connector = hub.connect_local("test")
    running = asyncio.create_task(hub.run())
    tools = SceneTools()
    async with scripted_server() as model, mcp_server(tools, port):
        kinds = {"llm": "llama_nemotron", "agent_llm": "llama_nemotron", "stt": "parakeet_stt", "tts": "piper_tts"}
        entries = {name: {"kind": f"preset:{kind}", "base_url": model.url} for name, kind in kinds.items()}
        entries["vlm"] = {"kind": "preset:cosmos_vlm", "base_url": model.url}
        (tmp_path / "models.yaml").write_text(yaml.safe_dump(entries))
        urls = {f"{name}_mcp_url": f"http://127.0.0.1:{port}/mcp" for name in ("render", "oxr", "vlm", "video", "vec")}
        config = {"models_yaml": str(tmp_path / "models.yaml"), "camera_grace": 0.2, **urls}
        config["camera_permission_timeout"] = 10.0
        yield Scene(connector, model, tools, lambda: _worker(config, addresses))
    hub.close()
    await running


async def test_people_type_speak_look_and_start_their_headsets(scene: Scene) -> None:
    """One child for all of it: a start costs seconds on a busy machine."""
    await scene.join("alice")
    await scene.join("bob")
    await scene.type("alice", "add a red box")
    await eventually(lambda: scene.of("alice", "agent.response"), "the reply to a typed request")
    assert scene.of("alice", "agent.response") == ["I added a box for alice."]
    assert [item["id"] for item in scene.tools.objects("alice")] == ["box-0"]
    assert json.loads(scene.of("alice", "agent.transcript")[0])["source"] == "typed"
    await eventually(lambda: scene.audio.get("alice"), "alice hearing the reply")
    assert [topic for topic, _ in scene.sent["bob"]] == ["_agent.status"] * len(scene.sent["bob"])
    assert scene.tools.objects("bob") == []
    assert "bob" not in scene.audio

    await _speak(scene, "bob", "add a red box please")
    await eventually(lambda: scene.of("bob", "agent.response"), "the reply to a spoken request")
    heard = json.loads(scene.of("bob", "agent.transcript")[0])
    assert heard == {"text": "add a red box", "final": True, "confidence": 0.8, "source": "voice"}
    statuses = [json.loads(text)["status"] for text in scene.of("bob", "_agent.status")]
    assert statuses.index("listening") < statuses.index("processing")
    assert len(scene.of("alice", "agent.response")) == 1

    await scene.type("alice", "", topic="xr.session.started")
    await eventually(lambda: scene.of("alice", "render.ready"), "the renderer's start")
    await scene.type("alice", "ignored", topic="some.other.topic")

    await scene.type("bob", "what do I hold")
    await eventually(lambda: scene.of("bob", "clientControl"), "the camera being asked for")
    pixels = np.full((40, 60, 3), (230, 120, 20), np.uint8)
    await scene.connector.push_frame("bob", "cam", PixelFormat.RGB24, 60, 40, _now_us(), pixels.tobytes())
    await eventually(lambda: len(scene.of("bob", "agent.response")) == 2, "the answer about the picture")
    assert scene.of("bob", "agent.response")[-1] == "You hold an orange card."
    assert scene.pictures[0].size == (60, 40)
    np.testing.assert_allclose(scene.pictures[0].getpixel((30, 20)), (230, 120, 20), atol=6)
    await eventually(
        lambda: scene.of("bob", "clientControl") == ['{"action": "startCamera"}', '{"action": "stopCamera"}']
    )
    assert len(scene.of("alice", "agent.transcript")) == 1, "other topics are no request"

    await _ask_twice_quickly_and_change_ones_mind(scene)

    await scene.connector.notify_participant_left("bob", 0)
    known = len(_statuses(scene, "bob"))
    await scene.join("bob")
    await eventually(lambda: _statuses(scene, "bob")[known:] == ["loading", "idle"], "bob being let in again")
    await scene.type("bob", "add a red box")
    await eventually(lambda: len(scene.of("bob", "agent.response")) == 3, "a reply after leaving and coming back")


async def _ask_twice_quickly_and_change_ones_mind(scene: Scene) -> None:
    """A request that comes while another is in work waits for it; one that takes it back ends it, and both are told."""
    replies = len(scene.of("alice", "agent.response"))
    adding = scene.tools.blocked["add_primitive"] = asyncio.Event()
    calls = scene.tools.calls.count(("alice", "add_primitive"))
    await scene.type("alice", "add a red box")
    await eventually(lambda: scene.tools.calls.count(("alice", "add_primitive")) > calls, "the first being worked on")
    await scene.type("alice", "add one more red box")
    await eventually(lambda: 'Next: "add one more red box"' in scene.of("alice", "agent.progress"), "the second's turn")
    adding.set()
    await eventually(lambda: len(scene.of("alice", "agent.response")) == replies + 2, "both replies")
    transcripts = [json.loads(text)["text"] for text in scene.of("alice", "agent.transcript")]
    assert transcripts[-2:] == ["add a red box", "add one more red box"]

    scene.tools.blocked["add_primitive"] = asyncio.Event()
    calls = scene.tools.calls.count(("alice", "add_primitive"))
    await scene.type("alice", "add a red box")
    await eventually(lambda: scene.tools.calls.count(("alice", "add_primitive")) > calls, "the third being worked on")
    await scene.type("alice", "add a fourth")
    await eventually(lambda: 'Next: "add a fourth"' in scene.of("alice", "agent.progress"), "the fourth's turn")
    await scene.type("alice", "no, what do I hold")
    stopped = 'I stopped "add a red box": nothing was changed'
    await eventually(lambda: stopped in scene.of("alice", "agent.progress"), "what was stopped being told")
    await scene.type("alice", "stop")
    await eventually(lambda: scene.of("alice", "agent.response")[-1].startswith("Okay, I stopped."), "the stop")
    scene.tools.blocked.clear()
    await scene.type("alice", "add a red box")
    await eventually(lambda: len(scene.of("alice", "agent.response")) == replies + 4, "the reply after the stop")
    assert not any("fourth" in text for text in scene.of("alice", "agent.transcript")), "it was taken back too"


async def test_a_late_worker_finds_who_is_here_and_a_leaver_disturbs_nobody(late_scene: Scene) -> None:
    scene = late_scene
    await scene.join("alice")
    async with scene.worker():
        await eventually(
            lambda: _statuses(scene, "alice")[-1:] == ["idle"], "the status of somebody who was there before"
        )
        adding = scene.tools.blocked["add_primitive"] = asyncio.Event()
        await scene.join("bob")
        await scene.type("bob", "add a red box")
        await eventually(lambda: ("bob", "add_primitive") in scene.tools.calls, "bob's turn being worked on")
        await scene.connector.notify_participant_left("bob", 0)
        await scene.join("carol")
        await eventually(lambda: _statuses(scene, "carol")[-1:] == ["idle"], "the status of somebody who joined later")
        adding.set()
        await scene.type("alice", "add a red box")
        await eventually(lambda: scene.of("alice", "agent.response"), "a reply to who stayed")
    assert scene.of("bob", "agent.response") == []
    scene.sent.clear()
    async with scene.worker():
        await eventually(lambda: _statuses(scene, "alice")[-1:] == ["idle"], "the status after a restart of the worker")
        await scene.type("alice", "add a red box")
        await eventually(lambda: scene.of("alice", "agent.response"), "a reply of the new worker")
    assert _statuses(scene, "bob") == []


def _statuses(scene: Scene, participant: str) -> list[str]:
    return [json.loads(text)["status"] for text in scene.of(participant, "_agent.status")]


async def _speak(scene: Scene, participant: str, text: str) -> None:
    wav = await asyncio.to_thread(flite_wav, text)
    samples = np.frombuffer(wav[44:], "<i2").astype("<f4") / 32768
    samples = np.concatenate([np.zeros(8000, "<f4"), samples, np.zeros(20000, "<f4")])
    for start in range(0, len(samples), 160):
        piece = samples[start : start + 160]
        await scene.connector.push_audio(AudioChunk(0, 16000, 1, len(piece), piece.tobytes(), participant, "mic"))
        await asyncio.sleep(0.001)


def _now_us() -> int:
    return time.time_ns() // 1000


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xr_render_demo_worker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_shipped_configuration_is_valid_and_names_the_stacks_ports() -> None:
    assert _run("--config", str(FOLDER / "yaml/xr_render_demo_worker.yaml"), "--check").returncode == 0
    models = load_models_config(FOLDER / "yaml/models.yaml")
    ports = {name: int(spec.base_url.rpartition(":")[2]) for name, spec in models.entries.items()}
    assert ports == {"llm": 8106, "agent_llm": 8107, "stt": 8103, "tts": 8105, "vlm": 8100}


def test_a_typo_in_the_configuration_is_reported_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "worker.yaml"
    path.write_text("silence_duraton: 0.8\nmin_speech: fast\n")
    result = _run("--config", str(path))
    assert result.returncode == 2
    assert f"{path}:1:1" in result.stderr
    assert "silence_duration" in result.stderr
    assert f"{path}:2:" in result.stderr


def test_models_that_are_declared_wrongly_end_the_program_in_one_message(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("llm: {kind: preset:nonsense, base_url: 'http://127.0.0.1:1'}\n")
    (tmp_path / "worker.yaml").write_text("models_yaml: models.yaml\n")
    result = _run("--config", str(tmp_path / "worker.yaml"))
    assert result.returncode == 1
    assert "models.yaml:1:" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_signal_while_waiting_for_peers_ends_the_program_cleanly(tmp_path: Path) -> None:
    (tmp_path / "worker.yaml").write_text(f"models_yaml: {FOLDER / 'yaml/models.yaml'}\n")
    command = [sys.executable, "-m", "xr_render_demo_worker", "--config", str(tmp_path / "worker.yaml")]
    env = {"PATH": "/usr/bin:/bin", "XR_HUB_IN": f"ipc://{tmp_path}/i", "XR_HUB_PUB": f"ipc://{tmp_path}/p"}
    child = subprocess.Popen(command, stderr=subprocess.PIPE, env={**env, "XR_AI_VERBOSE": "1"}, text=True)
    assert child.stderr is not None
    for line in child.stderr:
        if "-mcp: " in line:
            break
    child.send_signal(signal.SIGTERM)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "Traceback" not in errors


def test_the_demo_is_one_word() -> None:
    command = [sys.executable, "-m", "xr_render_demo", "check"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("status", ["loading", "waiting for"])
def test_a_program_told_to_stop_while_it_starts_ends_at_once(tmp_path: Path, status: str) -> None:
    """Its tool servers are out of reach: the connection attempts must not swallow the stop."""
    nowhere = {
        f"{name}_mcp_url": f"http://127.0.0.1:{own_port()}/mcp" for name in ("render", "oxr", "vec", "vlm", "video")
    }
    config = tmp_path / "worker.yaml"
    config.write_text(yaml.safe_dump({**nowhere, "models_yaml": str(FOLDER / "yaml" / "models.yaml")}))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.settimeout(60)
        notify.bind(str(tmp_path / "n"))
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(tmp_path / "n"),
            "XR_HUB_PUB": f"ipc://{tmp_path}/p",
            "XR_HUB_IN": f"ipc://{tmp_path}/i",
        }
        argv = [sys.executable, "-m", "xr_render_demo_worker", "--config", str(config)]
        process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not notify.recv(4096).decode().startswith(f"STATUS={status}"):
                pass
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
