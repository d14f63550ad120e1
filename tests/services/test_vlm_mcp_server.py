"""vlm-mcp as its clients meet it: a real process between the real MCP client and a real HTTP server."""

import base64
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kit.processes import own_port
from mcp import Client
from PIL import Image
from starlette.responses import JSONResponse, PlainTextResponse

from vlm_mcp_server._model import declared_model, without_thoughts
from xr_ai_models.testing import ScriptedServer, chat, scripted_server
from xr_ai_program.mcp_testing import call_tool
from xr_ai_program.testing import running_program

QUESTION = "What do you see?"


@pytest.fixture(scope="module")
async def model(anyio_backend: str) -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as server:
        yield server


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("run")
    (run_dir / "frames").mkdir()
    return run_dir


@pytest.fixture(scope="module")
async def client(model: ScriptedServer, run_dir: Path) -> AsyncIterator[Client]:
    port = own_port()
    config = {"port": port, "vlm_server": model.url}
    with running_program("vlm_mcp_server", config, env={"XR_RUN_DIR": str(run_dir)}):
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            yield client


@pytest.fixture
def picture(run_dir: Path) -> Path:
    path = run_dir / "frames" / "alice_latest_1.png"
    Image.new("RGBA", (40, 30), (255, 0, 0, 128)).save(path)
    return path


async def ask(client: Client, path: Path | str) -> str:
    return str((await call_tool(client, "ask_image", {"question": QUESTION, "image_path": str(path)}))["result"])


async def test_there_is_one_tool_and_it_needs_both_arguments(client: Client):
    (tool,) = (await client.list_tools()).tools
    assert (tool.name, tool.input_schema["required"]) == ("ask_image", ["question", "image_path"])
    assert (await client.call_tool("ask_image", {"question": QUESTION})).is_error


async def test_what_the_model_is_sent(client: Client, model: ScriptedServer, picture: Path):
    model.answer(chat("  A red wall.\n"))
    assert await ask(client, picture) == "A red wall."
    sent = model.requests[-1]
    assert sent.path == "/v1/chat/completions"
    url = sent.json["messages"][0]["content"][0]["image_url"]["url"]
    assert sent.json == {
        "model": "vlm",
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": QUESTION}],
            }
        ],
        "chat_template_kwargs": {"enable_thinking": False},
    }
    kind, _, data = url.partition(";base64,")
    assert kind == "data:image/jpeg"
    seen = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (seen.format, seen.size) == ("JPEG", (40, 30))


async def test_thoughts_are_not_part_of_the_answer(client: Client, model: ScriptedServer, picture: Path):
    model.answer(chat("<think>red?\nyes</think>\n A wall."))
    assert await ask(client, picture) == "A wall."


@pytest.mark.parametrize(
    ("reply", "expected"),
    [("<think>a</think>b<think>c</think> d", "b d"), ("no start</think> answer", "answer"), ("plain", "plain")],
)
def test_every_form_of_thought_is_removed(reply: str, expected: str):
    assert without_thoughts(reply) == expected


@pytest.mark.parametrize(
    "reply",
    [
        PlainTextResponse("kaput", status_code=500),
        PlainTextResponse("not json"),
        JSONResponse({"choices": []}),
        JSONResponse({"detail": "no"}, status_code=404),
    ],
)
async def test_a_model_that_fails_is_an_answer_not_a_crash(
    client: Client, model: ScriptedServer, picture: Path, reply: Any
):
    model.answer(reply)
    assert (await ask(client, picture)).startswith("ask_image: vlm-server request failed: ")


async def test_paths_that_are_no_picture(client: Client, run_dir: Path):
    frames = run_dir / "frames"
    (frames / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    (frames / "text.png").write_text("hello")
    assert (await ask(client, "")).startswith("ask_image: image_path is empty")
    missing = frames / "missing.png"
    assert await ask(client, missing) == f"ask_image: file not found at '{missing}'."
    assert "file not found" in await ask(client, frames)
    for name in ("broken.png", "text.png"):
        assert (await ask(client, frames / name)).startswith("ask_image: failed to read image at ")


async def test_only_allowed_folders_are_read(client: Client, model: ScriptedServer, run_dir: Path, tmp_path: Path):
    secret = tmp_path / "secret.png"
    Image.new("RGB", (4, 4)).save(secret)
    link = run_dir / "frames" / "link.png"
    link.symlink_to(secret)
    before = len(model.requests)
    for path in (secret, link, run_dir / "frames" / ".." / "x.png", "/etc/passwd", "a\0b", tmp_path / "missing.png"):
        answer = await ask(client, path)
        assert answer.startswith("ask_image: ")
        assert "outside the folders" in answer or "failed to read" in answer
    assert len(model.requests) == before


def test_an_entrys_own_timeout_and_thinking():
    entry = {"kind": "preset:cosmos_vlm", "base_url": "http://127.0.0.1:1"}
    plain = declared_model({"vlm": entry}, None, timeout_s=12.0).vlm("vlm")
    assert (plain.timeout, plain.default_extras) == (12.0, {"chat_template_kwargs": {"enable_thinking": False}})
    thinking = declared_model({"vlm": {**entry, "timeout": 3.0}}, None, timeout_s=12.0, enable_thinking=True).vlm("vlm")
    assert (thinking.timeout, thinking.default_extras) == (3.0, {"chat_template_kwargs": {"enable_thinking": True}})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "must specify either"),
        ({"models": {}}, "must declare `vlm`"),
        ({"models": {"vlm": {"kind": "preset:cosmos_vml", "base_url": "http://x"}}}, "did you mean"),
        ({"vlm_server": "localhost:8100"}, "expected e.g. http://"),
    ],
)
def test_a_configuration_without_a_usable_model_is_refused(config: dict[str, Any], message: str, tmp_path: Path):
    path = tmp_path / "vlm.yaml"
    path.write_text(json.dumps(config))
    done = subprocess.run(
        [sys.executable, "-m", "vlm_mcp_server", "--config", str(path), "--check"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
