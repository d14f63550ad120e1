"""The HTTP face: OpenAI's own client, streams, errors that say what is wrong, and the quick words."""

import json

import httpx2
import openai
import psutil
import pytest
from kit.processes import own_port

from scene_language import parse, sample_sentences
from scene_language.commands import Talk
from xr_ai_program.testing import running_program

MODEL = "llm"
LOOK = {
    "type": "function",
    "function": {
        "name": "look_at_current_frame",
        "parameters": {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]},
    },
}
TURN = '[Scene]\n{"objects": []}\n[Request]\n'


def ask(server, text, **more):
    messages = [{"role": "user", "content": TURN + text}]
    return server.client.chat.completions.create(model=MODEL, messages=messages, **more)


def post(server, body):
    return httpx2.post(f"{server.url}/v1/chat/completions", json=body, timeout=30)


def test_it_names_itself_for_what_it_is(server):
    assert httpx2.get(f"{server.url}/health").json()["backend"] == "embedded-semantic-grammar"
    models = list(server.client.models.list())
    assert [(model.id, model.owned_by) for model in models] == [(MODEL, "embedded-semantic-grammar")]
    answer = ask(server, "hello")
    assert answer.system_fingerprint == "embedded-semantic-grammar"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_stream_of_words(server):
    with ask(server, "hello", stream=True) as stream:
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.strip() == ask(server, "hello").choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_stream_of_tool_calls(server):
    with ask(server, "what do you see", stream=True, tools=[LOOK]) as stream:
        chunks = list(stream)
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert deltas[0].id
    assert deltas[0].index == 0
    assert deltas[0].function.name == "look_at_current_frame"
    arguments = "".join(delta.function.arguments for delta in deltas)
    assert json.loads(arguments) == {"question": "what do you see"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_tool_choice_none_calls_nothing(server):
    message = ask(server, "what do you see", tools=[LOOK], tool_choice="none").choices[0].message
    assert message.tool_calls is None
    assert "no camera" in message.content


def test_tool_choice_by_name_leaves_that_tool(server):
    choice = {"type": "function", "function": {"name": "look_at_current_frame"}}
    message = ask(server, "what do you see", tools=[LOOK], tool_choice=choice).choices[0].message
    assert message.tool_calls[0].function.name == "look_at_current_frame"


USER = {"role": "user", "content": "hello"}
CALLING = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}


@pytest.mark.parametrize(
    ("body", "status", "param", "words"),
    [
        ({"model": MODEL, "messages": []}, 400, "messages", "at least 1"),
        ({"model": MODEL}, 400, "messages", "required"),
        ({"model": MODEL, "messages": [{"role": "robot", "content": "x"}]}, 400, "messages.0.role", "user"),
        ({"model": "gpt-9", "messages": [USER]}, 404, "model", "serves 'llm'"),
        (
            {"model": MODEL, "messages": [USER, {"role": "tool", "tool_call_id": "call_1", "content": "x"}]},
            400,
            "messages.1.tool_call_id",
            "must answer a call",
        ),
        ({"model": MODEL, "messages": [USER, CALLING]}, 400, "messages", "missing: call_1"),
        ({"model": MODEL, "messages": [USER, CALLING, USER]}, 400, "messages.2", "followed by a tool message"),
        ({"model": MODEL, "messages": [USER], "tool_choice": "required"}, 400, "tool_choice", "no tools are given"),
        (
            {"model": MODEL, "messages": [USER], "tools": [LOOK], "tool_choice": "sometimes"},
            400,
            "tool_choice",
            "expected",
        ),
        (
            {
                "model": MODEL,
                "messages": [USER],
                "tools": [LOOK],
                "tool_choice": {"type": "function", "function": {"name": "g"}},
            },
            400,
            "tool_choice",
            "not among the tools",
        ),
        (
            {"model": MODEL, "messages": [USER], "tools": [LOOK], "tool_choice": "required"},
            400,
            "tool_choice",
            "no tool call to make",
        ),
        (
            {"model": MODEL, "messages": [USER], "response_format": {"type": "json_object"}},
            400,
            "response_format",
            "quick_ack",
        ),
        (
            {
                "model": MODEL,
                "messages": [USER],
                "response_format": {"type": "json_schema", "json_schema": {"name": "essay", "schema": {}}},
            },
            400,
            "response_format",
            "essay",
        ),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(server, body, status, param, words):
    answer = post(server, body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert words in error["message"]


def test_what_is_not_json_is_told_so(server):
    answer = httpx2.post(f"{server.url}/v1/chat/completions", content=b"{", timeout=30)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]["message"]


def test_the_official_client_raises_its_own_error(server):
    with pytest.raises(openai.BadRequestError, match="no tools are given"):
        ask(server, "hello", tool_choice="required")


def test_calls_that_somebody_else_made_are_not_taken_for_its_own(server):
    messages = [
        {"role": "user", "content": TURN + "put a red cube in front of me"},
        CALLING,
        {"role": "tool", "tool_call_id": "call_1", "content": json.dumps({"ok": False, "reason": "backpressure"})},
    ]
    answer = server.client.chat.completions.create(model=MODEL, messages=messages, tools=[LOOK])
    assert answer.choices[0].message.content == "That did not work: the renderer is too busy."


# --- quick words
def schema(name, **properties):
    shape = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"type": "json_schema", "json_schema": {"name": name, "schema": shape, "strict": True}}


ACK = schema("quick_ack", ack={"type": "string"}, think={"type": "boolean"})


def quick_ack(server, text):
    messages = [{"role": "system", "content": "You acknowledge."}, {"role": "user", "content": text}]
    answer = server.client.chat.completions.create(model=MODEL, messages=messages, response_format=ACK, max_tokens=40)
    return json.loads(answer.choices[0].message.content)


@pytest.mark.parametrize(
    ("text", "ack", "think"),
    [
        ("put a red cube two meters in front of me", "Placing a red cube", False),
        ("Earlier: add a ball -> I put a ball in front of you.\nRequest: make it blue", "Making it blue", True),
        ("put a cube on the sphere", "Placing a cube", True),
        ("move the red cube up", "Moving the red cube", True),
        ("put the red cube in front of me", "Placing the red cube", True),
        ("put the farthest small dark green cube on the ball", "Placing that for you", True),
        ("delete everything", "Deleting that for you", True),
        ("what do you see", "Let me look around", True),
        ("undo that", "Taking that back", True),
        ("hello", "", False),
        ("i like turtles", "Let me think about that", False),
        ("hoist the sphere", "Let me think about that", True),
    ],
)
def test_the_acknowledgement_fits_the_request(server, text, ack, think):
    assert quick_ack(server, text) == {"ack": ack, "think": think}


def test_every_acknowledgement_is_short_and_claims_nothing(server):
    for text in sample_sentences(60, seed=9):
        ack = quick_ack(server, text)["ack"]
        if isinstance(parse(text)[0], Talk):
            assert ack == ""
            continue
        assert 3 <= len(ack.split()) <= 6, (text, ack)
        assert not ack.endswith(".")
        assert ack.split()[0].endswith("ing") or ack.startswith("Let me"), (text, ack)


def test_still_working_says_something_new_each_time(server):
    said: list[str] = []
    for _ in range(3):
        prompt = f"Request: put a red cube here\nCurrent step: Working out the spot\nAlready said: {json.dumps(said)}"
        answer = server.client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": prompt}],
            response_format=schema("still_working", text={"type": "string"}),
        )
        said.append(json.loads(answer.choices[0].message.content)["text"])
    assert len(set(said)) == 3
    assert all(3 <= len(text.split()) <= 9 for text in said)


def test_an_edit_without_tools_is_a_word_to_who_waits_and_no_claim(server):
    reply = ask(server, "put a red cube in front of me").choices[0].message.content
    assert reply == "Still at it: placing a red cube"


# --- the program
def test_it_is_ready_quickly_and_stops_cleanly():
    with running_program("llm_server", {"port": own_port()}) as program:
        spent = psutil.Process(program.process.pid).cpu_times()
        assert spent.user + spent.system < 3.0
        assert program.stop() == 0


def test_a_wrong_configuration_is_refused_by_key():
    with pytest.raises(AssertionError, match="backend"), running_program("llm_server", {"backend": "oracle"}):
        pass
