"""Language and vision clients against a real HTTP server."""

import asyncio
import base64
import json
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from xr_ai_models import (
    BadAnswerError,
    Capabilities,
    ChatMessage,
    ModelConfigError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
    OpenAICompatLLM,
    OpenAICompatVLM,
    ToolCall,
    ToolDef,
)
from xr_ai_models.testing import ScriptedServer, chat

pytestmark = pytest.mark.anyio
HELLO = [ChatMessage("user", "hello")]
NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}


async def test_a_request_carries_only_what_was_set(server: ScriptedServer) -> None:
    server.answer(chat("hi"))
    async with OpenAICompatLLM(server.url + "/", "llm") as llm:
        answer = await llm.chat(HELLO)
    assert (answer.content, answer.finish_reason, list(answer.tool_calls)) == ("hi", "stop", [])
    assert server.requests[0].path == "/v1/chat/completions"
    assert server.requests[0].json == {"model": "llm", "messages": [{"role": "user", "content": "hello"}]}
    assert "authorization" not in server.requests[0].headers


async def test_tools_schema_user_and_limits_reach_the_wire(server: ScriptedServer) -> None:
    server.answer(chat())
    schema = {"type": "json_schema", "json_schema": {"name": "quick_ack"}}
    tool = ToolDef("go", "Go.", {"type": "object", "properties": {}})
    async with OpenAICompatLLM(server.url, "m") as llm:
        await llm.chat(HELLO, tools=[tool], max_tokens=40, temperature=0.0, response_format=schema, user="alice")
    body = server.requests[0].json
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "go", "description": "Go.", "parameters": {"type": "object", "properties": {}}},
        }
    ]
    assert (body["max_tokens"], body["temperature"], body["response_format"], body["user"]) == (
        40,
        0.0,
        schema,
        "alice",
    )


async def test_thinking_budget_alone_keeps_the_presets_switch(server: ScriptedServer) -> None:
    server.answer(chat())
    async with OpenAICompatLLM(server.url, "m", default_extras=NO_THINKING) as llm:
        await llm.chat(HELLO, thinking_budget=1024)
        await llm.chat(HELLO, enable_thinking=True)
    assert server.requests[0].json["chat_template_kwargs"] == {"enable_thinking": False, "thinking_budget": 1024}
    assert server.requests[1].json["chat_template_kwargs"] == {"enable_thinking": True}


async def test_tool_calls_come_and_go(server: ScriptedServer) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "go", "arguments": '{"x": 1}'}}
    server.answer(chat(None, tool_calls=[call]), chat("done"))
    async with OpenAICompatLLM(server.url, "m") as llm:
        first = await llm.chat(HELLO)
        assert list(first.tool_calls) == [ToolCall("c1", "go", '{"x": 1}')]
        follow_up = [
            ChatMessage("assistant", "", tool_calls=first.tool_calls),
            ChatMessage("tool", "ok", tool_call_id="c1"),
        ]
        await llm.chat([*HELLO, *follow_up])
    assert server.requests[1].json["messages"][1:] == [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "ok", "tool_call_id": "c1"},
    ]


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
async def test_both_names_of_the_reasoning_field_are_read(server: ScriptedServer, field: str) -> None:
    server.answer(chat("x", **{field: "because"}))
    async with OpenAICompatLLM(server.url, "m") as llm:
        assert (await llm.chat(HELLO)).reasoning == "because"


async def test_a_loading_server_is_asked_again(server: ScriptedServer) -> None:
    server.answer(Response(status_code=503), Response(status_code=503), chat("ready now"))
    async with OpenAICompatLLM(server.url, "m") as llm:
        assert (await llm.chat(HELLO)).content == "ready now"
    assert len(server.requests) == 3


async def test_a_server_that_stays_busy_is_reported_as_unavailable(server: ScriptedServer) -> None:
    server.answer(PlainTextResponse("loading weights", status_code=503))
    async with OpenAICompatLLM(server.url, "m", name="agent_llm") as llm:
        with pytest.raises(
            ModelUnavailableError, match=r"agent_llm at http.* not ready \(HTTP 503 after 3 attempts\): loading weights"
        ):
            await llm.chat(HELLO)


async def test_a_refusal_is_not_repeated_and_shows_the_servers_words(server: ScriptedServer) -> None:
    server.answer(PlainTextResponse("no such model", status_code=404))
    async with OpenAICompatLLM(server.url, "m") as llm:
        with pytest.raises(ModelRefusedError, match="no such model") as caught:
            await llm.chat(HELLO)
    assert caught.value.status == 404
    assert len(server.requests) == 1


async def test_nobody_listening_is_said_with_the_address(server: ScriptedServer) -> None:
    async with OpenAICompatLLM("http://127.0.0.1:1", "m", name="llm") as llm:
        with pytest.raises(
            ModelUnavailableError, match=r"llm at http://127.0.0.1:1 cannot be reached.*Is it running\?"
        ):
            await llm.chat(HELLO)


async def test_the_time_limit_covers_the_whole_call(server: ScriptedServer) -> None:
    async def never(_seen: object) -> Response:
        await asyncio.sleep(30)
        return chat()

    server.answer(never)
    async with OpenAICompatLLM(server.url, "m") as llm:
        async with asyncio.timeout(25):
            with pytest.raises(ModelTimeoutError, match=r"did not answer within 0.3 s"):
                await llm.chat(HELLO, timeout=0.3)


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("<html>"),
        JSONResponse([1]),
        JSONResponse({}),
        JSONResponse({"choices": []}),
        JSONResponse({"choices": [{"message": {"tool_calls": [{"id": "x"}]}}]}),
    ],
)
async def test_answers_outside_the_protocol_are_named_as_such(server: ScriptedServer, answer: Response) -> None:
    server.answer(answer)
    async with OpenAICompatLLM(server.url, "m") as llm:
        with pytest.raises(BadAnswerError):
            await llm.chat(HELLO)


@pytest.mark.parametrize("prefix", ["data: ", "data:"])
async def test_streams_are_read_with_and_without_a_space(server: ScriptedServer, prefix: str) -> None:
    async def lines() -> object:
        yield ": comment\n\n"
        for text in ("On ", "it"):
            yield prefix + json.dumps({"choices": [{"delta": {"content": text}}]}) + "\n\n"
        yield prefix + json.dumps({"choices": []}) + "\n\n"
        yield prefix + "not json\n\n" + prefix + "[DONE]\n\n"
        yield prefix + json.dumps({"choices": [{"delta": {"content": "after the end"}}]}) + "\n\n"

    server.answer(lambda _seen: StreamingResponse(lines(), media_type="text/event-stream"))
    async with OpenAICompatLLM(server.url, "m") as llm:
        assert [text async for text in llm.stream(HELLO)] == ["On ", "it"]
    assert server.requests[0].json["stream"] is True


async def test_an_error_inside_a_stream_is_raised(server: ScriptedServer) -> None:
    server.answer(PlainTextResponse('data: {"error": "out of memory"}\n\n'))
    async with OpenAICompatLLM(server.url, "m") as llm:
        with pytest.raises(BadAnswerError, match="out of memory"):
            _ = [text async for text in llm.stream(HELLO)]


async def test_health_is_the_status_of_the_health_path(server: ScriptedServer) -> None:
    server.scripts_health = True
    server.answer(Response(status_code=503), Response(status_code=200))
    async with OpenAICompatLLM(server.url, "m") as llm:
        assert [await llm.health(), await llm.health()] == [False, True]
    assert server.requests[0].path == "/health"
    async with OpenAICompatLLM("http://127.0.0.1:1", "m") as absent:
        assert await absent.health() is False
    async with OpenAICompatLLM("http://127.0.0.1:1", "m", health_check=False) as hosted:
        assert await hosted.health() is True


async def test_the_key_is_sent_and_its_absence_is_an_error(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "s3cret")
    server.answer(chat())
    async with OpenAICompatLLM(server.url, "m", api_key_env="SOME_KEY") as llm:
        await llm.chat(HELLO)
    assert server.requests[0].headers["authorization"] == "Bearer s3cret"
    monkeypatch.delenv("SOME_KEY")
    with pytest.raises(ModelConfigError, match="SOME_KEY"):
        OpenAICompatLLM(server.url, "m", api_key_env="SOME_KEY")


async def test_a_key_over_plain_http_to_another_host_is_warned_about(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SOME_KEY", "s3cret")
    async with OpenAICompatLLM("http://models.example", "m", api_key_env="SOME_KEY"):
        assert "unencrypted" in caplog.text
    assert "s3cret" not in caplog.text
    caplog.clear()
    async with OpenAICompatLLM("http://127.0.0.1:9", "m", api_key_env="SOME_KEY"):
        assert caplog.text == ""


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8


async def test_an_image_goes_as_a_data_url_before_the_question(server: ScriptedServer, tmp_path: Path) -> None:
    server.answer(chat("a red box"))
    path = tmp_path / "x.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    async with OpenAICompatVLM(server.url, "vlm") as vlm:
        assert await vlm.ask_image(PNG, "what?", system_prompt="be brief") == "a red box"
        await vlm.ask_image(path, "what?")
        await vlm.ask_image("https://example/x.png", "what?")
    messages = server.requests[0].json["messages"]
    png_url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert messages == [
        {"role": "system", "content": "be brief"},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": png_url}}, {"type": "text", "text": "what?"}],
        },
    ]
    urls = [seen.json["messages"][-1]["content"][0]["image_url"]["url"] for seen in server.requests[1:]]
    assert urls[0].startswith("data:image/jpeg;base64,")
    assert urls[1] == "https://example/x.png"


async def test_video_needs_the_capability(server: ScriptedServer) -> None:
    server.answer(chat("a dance"))
    mp4 = b"\0\0\0\x18ftypmp42"
    async with OpenAICompatVLM(server.url, "vlm") as blind:
        with pytest.raises(ModelConfigError, match="takes no video"):
            await blind.ask_video(mp4, "what?")
    async with OpenAICompatVLM(server.url, "vlm", capabilities=Capabilities(video=True)) as vlm:
        assert await vlm.ask_video(mp4, "what?") == "a dance"
    assert server.requests[0].json["messages"][0]["content"][0]["video_url"]["url"].startswith("data:video/mp4;base64,")
