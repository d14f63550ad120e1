"""A turn from request to reply, against real MCP tools and a scripted model server."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, Response

from xr_ai_agent import FrameData, FrameSignal, PixelFormat
from xr_ai_models.testing import chat, tool_calls
from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

ADD_RED_BOX = tool_calls(("add_primitive", {"prim_type": "box", "x": 0, "y": 1.6, "z": -2, "r": 1, "g": 0, "b": 0}))


async def test_a_typed_request_changes_the_scene_and_is_answered(world: Any) -> None:
    world.script(ADD_RED_BOX, chat("I added a red box."))
    reply = await world.ask(world.session(), "put a red cube two meters in front of me")
    assert reply == "I added a red box."
    assert world.spoken["alice"] == ["I added a red box."]
    [item] = world.tools.objects("alice")
    assert (item["type"], item["position"], item["color"]) == (
        "box",
        {"x": 0.0, "y": 1.6, "z": -2.0},
        {"r": 1.0, "g": 0.0, "b": 0.0},
    )
    topics = [topic for topic, _ in world.out.sent["alice"]]
    assert topics[0] == "agent.transcript"
    assert topics[-1] == "agent.response"
    transcript = json.loads(world.out.of("alice", "agent.transcript")[0])
    assert transcript == {
        "text": "put a red cube two meters in front of me",
        "final": True,
        "confidence": None,
        "source": "typed",
    }
    assert set(world.out.of("alice", "agent.progress")) == {"On it", "Adding a box"}
    await eventually(lambda: world.out.statuses["alice"] == ["processing", "idle"], "idle after the turn")


async def test_the_model_is_told_the_sections_of_the_contract(world: Any) -> None:
    session = world.session()
    world.script(ADD_RED_BOX, chat("I added a red box."))
    await world.ask(session, "add a box", is_spoken=True, confidence=0.93, alternatives=("at a box",))
    world.script(tool_calls(("update_primitive", {"obj_id": "box-0", "x": 1, "y": 1.6, "z": -2})), chat("I moved it."))
    await world.ask(session, "move it right")
    world.script(chat("It is red."))
    await world.ask(session, "what colour is it", is_spoken=True)
    request = world.loop_requests[0].json
    assert request["user"] == "alice"
    first = world.sections(0)
    assert list(first) == ["Scene", "Head pose", "Position ahead", "Recent moves", "Last changed", "Hearing", "Request"]
    assert json.loads(first["Scene"]) == {"objects": []}
    assert json.loads(first["Hearing"]) == {"confidence": 0.93, "alternatives": ["at a box"]}
    assert json.loads(first["Position ahead"]) == {"x": 0.0, "y": 1.6, "z": -1.5}
    assert "Hearing" not in world.sections(2)
    last = world.sections(-1)
    assert json.loads(last["Recent moves"]) == [
        {"id": "box-0", "before": {"x": 0.0, "y": 1.6, "z": -2.0}, "after": {"x": 1.0, "y": 1.6, "z": -2.0}}
    ]
    assert json.loads(last["Last changed"]) == ["box-0"]
    history = [m for m in world.loop_requests[-1].json["messages"] if m["role"] != "system"][:-1]
    assert history == [
        {"role": "user", "content": "add a box"},
        {"role": "assistant", "content": "I added a red box."},
        {"role": "user", "content": "move it right"},
        {"role": "assistant", "content": "I moved it."},
    ]


async def test_health_and_start_are_not_offered_to_the_model_but_undo_and_look_are(world: Any) -> None:
    world.script(chat("Hello."))
    await world.ask(world.session(), "hello")
    offered = {tool["function"]["name"] for tool in world.loop_requests[0].json["tools"]}
    assert {"add_primitive", "undo", "look_at_current_frame"} <= offered
    assert not {"start_xr", "get_health"} & offered


async def test_history_is_bounded_to_four_turns(world: Any) -> None:
    session = world.session()
    world.script(chat("Hello."))
    for number in range(6):
        await world.ask(session, f"request {number}")
    users = [m["content"] for m in world.loop_requests[-1].json["messages"] if m["role"] == "user"]
    assert users[:-1] == ["request 1", "request 2", "request 3", "request 4"]


async def test_an_unreachable_scene_is_unavailable_and_never_empty(world: Any) -> None:
    world.tools.broken["get_scene_state"] = {"error": "renderer is restarting"}
    world.script(chat("I cannot see the scene now."))
    await world.ask(world.session(), "what is here")
    assert world.sections()["Scene"] == "unavailable: renderer is restarting"


async def test_bad_calls_are_answered_to_the_model_and_not_guessed(world: Any) -> None:
    world.script(
        tool_calls(("add_primitive", "{not json"), ("teleport", {}), ("add_primitive", {"colour": "red"})),
        tool_calls(("add_primitive", {"x": 1}), ("add_primitive", {"prim_type": "box", "x": "abc"})),
        chat("I could not do that."),
    )
    await world.ask(world.session(), "add something")
    messages = world.loop_requests[-1].json["messages"]
    answers = [json.loads(m["content"])["error"] for m in messages if m["role"] == "tool"]
    assert "not valid JSON" in answers[0]
    assert "unknown tool 'teleport'; available:" in answers[1]
    assert "unknown argument colour" in answers[2]
    assert "missing argument prim_type" in answers[3]
    assert "valid number" in answers[4]
    assert world.tools.objects("alice") == []


async def test_nested_positions_and_colours_are_understood(world: Any) -> None:
    nested = {"prim_type": "box", "position": {"x": 1, "y": 2, "z": 3}, "color": {"r": 1, "g": 0, "b": 0}, "size": None}
    world.script(tool_calls(("add_primitive", nested)), chat("I added a box."))
    await world.ask(world.session(), "add a box")
    [item] = world.tools.objects("alice")
    assert item["position"] == {"x": 1.0, "y": 2.0, "z": 3.0}
    assert item["size"] == 0.1


async def test_parallel_calls_run_in_their_order(world: Any) -> None:
    calls = [("add_primitive", {"prim_type": kind}) for kind in ("box", "sphere", "box")]
    world.script(tool_calls(*calls), chat("I added three objects."))
    await world.ask(world.session(), "add three things")
    assert [item["id"] for item in world.tools.objects("alice")] == ["box-0", "sphere-0", "box-1"]
    results = [m["tool_call_id"] for m in world.loop_requests[-1].json["messages"] if m["role"] == "tool"]
    assert results == ["call-0", "call-1", "call-2"]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "add_primitive", "arguments": {"prim_type": "box"}}',
        '```json\n{"tool": "add_primitive", "args": {"prim_type": "box"}}\n```',
    ],
)
async def test_a_call_written_as_text_is_carried_out(world: Any, text: str) -> None:
    world.script(chat(text), chat("I added a box."))
    assert await world.ask(world.session(), "add a box") == "I added a box."
    assert len(world.tools.objects("alice")) == 1


# --- truth ---


@pytest.mark.parametrize(
    ("answer", "spoken"),
    [
        (PlainTextResponse("out of memory", status_code=500), "cannot reach the language model"),
        (chat(""), "gave no answer"),
        (chat('{"name": "fly", "arguments": {}}'), "did not do that"),
    ],
)
async def test_a_failed_model_is_never_reported_as_done(world: Any, answer: Response, spoken: str) -> None:
    world.script(answer)
    reply = await world.ask(world.session(), "add a box")
    assert spoken in reply
    assert "done" not in reply.lower()


async def test_the_iteration_cap_is_admitted(world: Any) -> None:
    world.script(tool_calls(("get_scene_state", {})))
    reply = await world.ask(world.session(), "add a box")
    assert reply.startswith("Sorry, I could not finish that.")
    assert len(world.loop_requests) == 10


@pytest.mark.parametrize("worker_settings", [{"turn_timeout": 0.4}])
async def test_the_turn_budget_is_kept(world: Any, worker_settings: Mapping[str, Any]) -> None:
    world.tools.blocked["add_primitive"] = asyncio.Event()
    world.script(ADD_RED_BOX, chat("I added a red box."))
    reply = await world.ask(world.session(), "add a box")
    assert reply == "Sorry, that took too long, so I stopped."


async def test_a_claim_that_the_scene_contradicts_is_corrected(world: Any) -> None:
    world.script(chat("I added a red box."))
    reply = await world.ask(world.session(), "add a box")
    assert reply == "Sorry, that did not work: nothing in the scene changed."


async def test_a_refused_call_followed_by_a_claim_is_corrected_with_the_reason(world: Any) -> None:
    world.tools.broken["add_primitive"] = {"ok": False, "reason": "scene is full"}
    world.script(ADD_RED_BOX, chat("Done, the box is now in front of you."))
    reply = await world.ask(world.session(), "add a box")
    assert reply == "Sorry, that did not work: nothing in the scene changed. The reason was: scene is full."


async def test_a_tool_that_says_ok_and_does_nothing_is_found_out(world: Any) -> None:
    world.tools.broken["add_primitive"] = {"ok": True, "id": "box-0"}
    world.script(ADD_RED_BOX, chat("I added a red box."))
    assert "nothing in the scene changed" in await world.ask(world.session(), "add a box")


async def test_an_update_to_what_is_already_so_is_no_lie(world: Any) -> None:
    session = world.session()
    world.script(ADD_RED_BOX, chat("I added a red box."))
    await world.ask(session, "add a box")
    world.script(tool_calls(("update_primitive", {"obj_id": "box-0", "r": 1})), chat("I made it red."))
    assert await world.ask(session, "make it red") == "I made it red."


# --- acknowledgement ---


@pytest.mark.parametrize(
    ("worker_settings", "think", "spoken"),
    [
        ({"ack_speech_after": 0.01}, True, True),  # the reply comes only after the acknowledgement was spoken
        ({"ack_speech_after": 30.0}, True, False),  # the reply comes long before
        ({"ack_speech_after": 0.01}, False, False),
    ],
)
async def test_the_ack_is_spoken_only_when_the_person_has_to_wait(
    world: Any, worker_settings: Mapping[str, Any], think: bool, spoken: bool
) -> None:
    async def answer(_received: Any) -> Response:
        await eventually(lambda: world.out.of("alice", "agent.progress"), "the acknowledgement on the page")
        if spoken:
            await eventually(lambda: world.spoken, "the acknowledgement being spoken")
        return chat("Hello.")

    world.ack = lambda _received: chat(json.dumps({"ack": "Working it out", "think": think}))
    world.script(answer)
    await world.ask(world.session(), "hello")
    assert world.spoken["alice"] == [*(["Working it out"] if spoken else []), "Hello."]
    assert world.out.of("alice", "agent.progress") == ["Working it out"]
    [ack] = [r.json for r in world.model.requests if r.json.get("response_format")]
    assert (ack["max_tokens"], ack["user"]) == (40, "alice")
    assert ack["response_format"]["json_schema"]["name"] == "quick_ack"


async def test_the_ack_runs_beside_the_loop(world: Any) -> None:
    release = asyncio.Event()

    async def slow_ack(_received: Any) -> Response:
        await release.wait()
        return chat(json.dumps({"ack": "On it", "think": False}))

    def loop(_received: Any) -> Response:
        release.set()
        return chat("Hello.")

    world.ack = slow_ack
    world.script(loop)
    await world.ask(world.session(), "hello")
    assert world.out.of("alice", "agent.progress") == ["On it"]


async def test_a_truncated_ack_is_not_read_out(world: Any) -> None:
    world.ack = lambda _received: chat('{"ack": "I will now', finish_reason="length")
    world.script(chat("Hello."))
    await world.ask(world.session(), "hello")
    assert world.spoken["alice"] == ["Hello."]
    assert world.out.of("alice", "agent.progress") == []


@pytest.mark.parametrize("worker_settings", [{"still_working_after": 0.05, "still_working_every": 0.05}])
async def test_a_long_turn_says_that_it_goes_on_and_never_aloud(world: Any, worker_settings: Mapping[str, Any]) -> None:
    world.tools.blocked["add_primitive"] = asyncio.Event()
    world.script(ADD_RED_BOX, chat("I added a red box."))
    asking = asyncio.ensure_future(world.ask(world.session(), "add a box"))
    shown = lambda: world.out.of("alice", "agent.progress")  # noqa: E731
    await eventually(lambda: "Still looking for the spot" in shown() and "Still working: adding a box" in shown())
    world.tools.blocked["add_primitive"].set()
    await asking
    assert world.spoken["alice"] == ["I added a red box."]


# --- undo ---


async def test_undo_takes_back_every_kind_of_change_one_turn_at_a_time(world: Any) -> None:
    session = world.session()
    calls = [
        ("add_primitive", {"prim_type": "box", "r": 1, "g": 0, "b": 0}),
        ("update_primitive", {"obj_id": "box-0", "x": 1.0}),
        ("update_primitive", {"obj_id": "box-0", "b": 1}),
        ("update_primitive", {"obj_id": "box-0", "size": 0.5}),
        ("remove_primitive", {"obj_id": "box-0"}),
    ]
    states = [world.tools.objects("alice")]
    for call in calls:
        world.script(tool_calls(call), chat("Done."))
        assert await world.ask(session, "go") == "Done."
        states.append([json.loads(json.dumps(item)) for item in world.tools.objects("alice")])
    world.script(tool_calls(("undo", {})), chat("Undone."))
    for expected in reversed(states[:-1]):
        world.script(tool_calls(("undo", {})), chat("I took it back."))
        await world.ask(session, "undo")
        assert [{**item, "id": ""} for item in world.tools.objects("alice")] == [
            {**item, "id": ""} for item in expected
        ]
    world.script(tool_calls(("undo", {})), chat("I undid it."))
    assert await world.ask(session, "undo") == (
        "Sorry, that did not work: nothing in the scene changed. The reason was: there is nothing to undo."
    )
    for expected in states[1:]:
        world.script(tool_calls(("redo", {})), chat("I did it again."))
        assert await world.ask(session, "redo") == "I did it again."
        assert [{**item, "id": ""} for item in world.tools.objects("alice")] == [
            {**item, "id": ""} for item in expected
        ]
    world.script(tool_calls(("redo", {})), chat("I did it again."))
    assert "there is nothing to redo" in await world.ask(session, "redo")


async def test_what_was_undone_can_be_redone_and_undone_again_under_its_new_ids(world: Any) -> None:
    session = world.session()
    world.script(tool_calls(("add_primitive", {"prim_type": "box"})), chat("I added a box."))
    await world.ask(session, "add a box")
    world.script(tool_calls(("update_primitive", {"obj_id": "box-0", "x": 1.0})), chat("I moved it."))
    await world.ask(session, "move it")
    for tool in ("undo", "undo", "redo", "redo", "undo", "redo"):
        world.script(tool_calls((tool, {})), chat("Okay."))
        await world.ask(session, tool)
    (box,) = world.tools.objects("alice")
    assert box["position"]["x"] == 1.0
    assert json.loads(world.sections()["Last changed"]) == [box["id"]]


async def test_a_new_change_ends_what_could_be_redone(world: Any) -> None:
    session = world.session()
    add = tool_calls(("add_primitive", {"prim_type": "box"}))
    world.script(add, chat("I added a box."))
    await world.ask(session, "add a box")
    world.script(tool_calls(("undo", {})), chat("I took it away."))
    await world.ask(session, "undo")
    world.script(add, chat("I added a box."))
    await world.ask(session, "add a box")
    world.script(tool_calls(("redo", {})), chat("I did it again."))
    assert "there is nothing to redo" in await world.ask(session, "redo")
    assert len(world.tools.objects("alice")) == 1


async def test_undo_takes_back_all_of_a_turn(world: Any) -> None:
    session = world.session()
    world.script(tool_calls(*[("add_primitive", {"prim_type": "box"})] * 3), chat("I added three boxes."))
    await world.ask(session, "add three boxes")
    world.script(tool_calls(("undo", {})), chat("I took them away."))
    await world.ask(session, "undo")
    assert world.tools.objects("alice") == []


async def _do(world: Any, session: Any, *calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Let the model make these calls and return what the last one answered."""
    world.script(tool_calls(*calls), chat("Okay."))
    await world.ask(session, "go")
    answer: dict[str, Any] = json.loads(world.loop_requests[-1].json["messages"][-1]["content"])
    return answer


def _add(x: float, **look: float) -> tuple[str, dict[str, Any]]:
    return "add_primitive", {"prim_type": "box", "x": x, **look}


async def test_everything_is_undone_at_once_and_redone_at_once(world: Any) -> None:
    session = world.session()
    for x in (1, 2, 3):
        await _do(world, session, _add(x))
    await _do(world, session, ("undo", {}))
    told = await _do(world, session, ("undo", {"all": True}))
    assert (told["steps"], told["steps_left"], told["is_complete"]) == (2, 0, True)
    assert world.tools.objects("alice") == []
    assert (await _do(world, session, ("redo", {})))["steps"] == 2
    assert [item["position"]["x"] for item in world.tools.objects("alice")] == [1.0, 2.0]
    assert (await _do(world, session, ("redo", {})))["steps"] == 1
    assert len(world.tools.objects("alice")) == 3
    assert (await _do(world, session, ("undo", {})))["steps"] == 1


async def test_more_steps_than_are_kept_are_admitted(world: Any) -> None:
    session = world.session()
    for x in range(21):
        await _do(world, session, _add(x))
    told = await _do(world, session, ("undo", {"all": True}))
    assert (told["steps"], told["is_complete"]) == (20, False)
    assert [item["position"]["x"] for item in world.tools.objects("alice")] == [0.0]


async def test_what_failed_on_the_way_is_undone_by_the_next_try_and_redone_with_it(world: Any) -> None:
    session = world.session()
    await _do(world, session, _add(1))
    await _do(world, session, ("update_primitive", {"obj_id": "box-0", "x": 2.0}))
    world.tools.broken["remove_primitive"] = {"ok": False, "error": "the renderer is busy"}
    told = await _do(world, session, ("undo", {"all": True}))
    assert told["error"] == "could not undo that: the renderer is busy"
    world.tools.broken.clear()
    assert (await _do(world, session, ("undo", {"all": True})))["steps"] == 1
    for _ in range(2):
        assert (await _do(world, session, ("redo", {})))["steps"] == 1
    assert world.tools.objects("alice")[0]["position"]["x"] == 2.0


async def test_what_was_removed_comes_back_and_nothing_else_is_undone(world: Any) -> None:
    session = world.session()
    await _do(world, session, _add(1))
    await _do(world, session, _add(2))
    await _do(world, session, ("remove_primitive", {"obj_id": "box-0"}))
    await _do(world, session, ("update_primitive", {"obj_id": "box-1", "x": 5.0}))
    told = await _do(world, session, ("bring_back", {"all": True}))
    assert [item["position"]["x"] for item in told["brought_back"]] == [1.0]
    assert sorted(item["position"]["x"] for item in world.tools.objects("alice")) == [1.0, 5.0]
    assert await _do(world, session, ("bring_back", {"all": True})) == {"ok": False, "error": "nothing is gone"}
    await _do(world, session, ("undo", {}))
    assert [item["position"]["x"] for item in world.tools.objects("alice")] == [5.0]
    await _do(world, session, ("bring_back", {}))
    assert len(world.tools.objects("alice")) == 2


async def test_a_row_of_removals_comes_back_together_or_the_last_alone(world: Any) -> None:
    session = world.session()
    for x in (1, 2, 3):
        await _do(world, session, _add(x))
    for box in ("box-0", "box-1", "box-2"):
        await _do(world, session, ("remove_primitive", {"obj_id": box}))
    await _do(world, session, ("bring_back", {}))
    assert [item["position"]["x"] for item in world.tools.objects("alice")] == [3.0]
    await _do(world, session, ("bring_back", {"all": True}))
    assert sorted(item["position"]["x"] for item in world.tools.objects("alice")) == [1.0, 2.0, 3.0]


async def test_one_that_is_described_comes_back_however_long_it_is_gone(world: Any) -> None:
    session = world.session()
    red, blue = {"r": 1, "g": 0, "b": 0}, {"r": 0, "g": 0, "b": 1}
    await _do(world, session, _add(1, **red))
    await _do(world, session, _add(2, **blue))
    await _do(world, session, _add(3, **red))
    for box in ("box-0", "box-2", "box-1"):
        await _do(world, session, ("remove_primitive", {"obj_id": box}))
    assert (await _do(world, session, ("bring_back", {"prim_type": "sphere"})))["error"] == "nothing is gone"
    assert world.tools.objects("alice") == []
    await _do(world, session, ("bring_back", {"r": 0.9, "g": 0.1, "b": 0.1}))
    assert [item["position"]["x"] for item in world.tools.objects("alice")] == [3.0], "the red one that went last"
    await _do(world, session, ("bring_back", {"all": True, "prim_type": "box"}))
    assert sorted(item["position"]["x"] for item in world.tools.objects("alice")) == [1.0, 2.0, 3.0]


async def test_one_that_was_deleted_twice_comes_back_once(world: Any) -> None:
    session = world.session()
    await _do(world, session, _add(1))
    await _do(world, session, ("remove_primitive", {"obj_id": "box-0"}))
    await _do(world, session, ("bring_back", {}))
    await _do(world, session, ("remove_primitive", {"obj_id": world.tools.objects("alice")[0]["id"]}))
    await _do(world, session, ("bring_back", {"all": True, "prim_type": "box"}))
    assert len(world.tools.objects("alice")) == 1


async def test_what_an_undo_took_out_is_brought_back_by_redoing(world: Any) -> None:
    session = world.session()
    await _do(world, session, _add(1))
    await _do(world, session, ("undo", {}))
    assert (await _do(world, session, ("bring_back", {})))["steps"] == 1
    assert len(world.tools.objects("alice")) == 1
    assert (await _do(world, session, ("bring_back", {})))["error"] == "nothing is gone"
    await _do(world, session, ("undo", {}))
    assert world.tools.objects("alice") == []


async def test_a_redo_vouches_for_a_claim_when_nobody_can_look(world: Any) -> None:
    session = world.session()
    await _do(world, session, _add(1))
    await _do(world, session, ("undo", {}))

    def blind(_received: Any) -> Response:
        world.tools.broken["get_scene_state"] = {"error": "the renderer is restarting"}
        return chat("I put the box back.")

    world.script(tool_calls(("redo", {})), blind)
    assert await world.ask(session, "redo") == "I put the box back."


# --- several people, and changing one's mind ---


async def test_what_was_undone_is_told_with_the_object_and_comes_back_in_its_order(world: Any) -> None:
    session = world.session()
    add = [("add_primitive", {"prim_type": "box", "x": x}) for x in (1, 2, 3)]
    world.script(tool_calls(*add), chat("I added three boxes."))
    await world.ask(session, "add three boxes")
    world.script(
        tool_calls(*[("remove_primitive", {"obj_id": f"box-{at}"}) for at in range(3)]), chat("I removed them.")
    )
    await world.ask(session, "delete everything")
    world.script(tool_calls(("undo", {})), chat("I brought them back."))
    await world.ask(session, "undo")
    assert [item["position"]["x"] for item in world.tools.objects("alice")] == [1.0, 2.0, 3.0]
    told = json.loads(world.loop_requests[-1].json["messages"][-1]["content"])
    assert [entry["changed"] for entry in told["undone"]] == [["removed"]] * 3
    back = [item["id"] for item in world.tools.objects("alice")]
    assert [entry["object"]["id"] for entry in told["undone"]] == back


async def test_two_people_at_once_never_mix(world: Any) -> None:
    def by_user(received: Any) -> Response:
        user = received.json["user"]
        if any(message["role"] == "tool" for message in received.json["messages"]):
            return chat(f"I added a box for {user}.")
        return tool_calls(("add_primitive", {"prim_type": "box", "x": 1 if user == "alice" else 2}))

    world.script(by_user)
    alice, bob = world.session("alice"), world.session("bob")
    replies = await asyncio.gather(world.ask(alice, "mine"), world.ask(bob, "hers not"))
    assert replies == ["I added a box for alice.", "I added a box for bob."]
    assert [item["position"]["x"] for item in world.tools.objects("alice")] == [1.0]
    assert [item["position"]["x"] for item in world.tools.objects("bob")] == [2.0]
    assert world.spoken == {"alice": [replies[0]], "bob": [replies[1]]}
    assert world.out.of("bob", "agent.response") == [replies[1]]
    assert list(alice.memory.turns) != list(bob.memory.turns)


async def test_an_interrupted_turn_remembers_what_it_did(world: Any) -> None:
    session = world.session()
    stuck = asyncio.Event()

    async def never(_received: Any) -> Response:
        await stuck.wait()
        return chat("too late")

    world.script(ADD_RED_BOX, never)
    asking = asyncio.ensure_future(world.ask(session, "add a box"))
    await eventually(lambda: len(world.loop_requests) == 2, "the second question to the model")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    stuck.set()
    assert [turn.reply for turn in session.memory.turns] == ["(interrupted: adding box-0)"]
    assert len(session.memory.history.done) == 1
    assert world.out.of("alice", "agent.response") == []
    await eventually(lambda: world.out.statuses["alice"][-1] == "idle", "idle after the interruption")


# --- the camera ---


LOOK = tool_calls(("look_at_current_frame", {"question": "what do I hold?"}))


def _signal() -> FrameSignal:
    return FrameSignal(0, 1, time.time_ns() // 1000, 2, 2, PixelFormat.RGB24, 12, "alice", "cam")


class _OneFrame:
    async def request_frame(self, signal: Any, /, timeout: float = 1.0) -> FrameData:
        return FrameData(1, 0, 2, 2, PixelFormat.RGB24, bytes(12), "alice", "cam")


def _tool_answer(world: Any) -> dict[str, Any]:
    """What the model was told that the last tool answered."""
    answer: dict[str, Any] = json.loads(world.loop_requests[-1].json["messages"][-1]["content"])
    return answer


async def test_a_camera_that_stays_off_is_told_to_the_model_at_once_and_asked_for_once(world: Any) -> None:
    world.script(LOOK, chat("Your camera is off, so I only see the scene: it is empty."))
    reply = await world.ask(world.session(), "what am I holding?")
    assert reply == "Your camera is off, so I only see the scene: it is empty."
    told = _tool_answer(world)
    assert (told["ok"], told["reason"]) == (False, "camera_off")
    assert "Asking for your camera" in world.out.of("alice", "agent.progress")
    await eventually(lambda: len(world.out.of("alice", "clientControl")) == 2, "the question being withdrawn")
    assert world.out.of("alice", "clientControl") == ['{"action": "startCamera"}', '{"action": "stopCamera"}']


async def test_only_an_allowed_camera_is_waited_for(world: Any) -> None:
    session = world.session()
    session.camera.times = replace(session.camera.times, start_timeout_s=9.0, permission_timeout_s=0.01, max_age_s=0.0)
    session.camera.source = _OneFrame()
    world.script(LOOK, chat("No."), LOOK, chat("Yes."))
    await world.ask(session, "what am I holding?")
    session.camera.saw(_signal())  # now it is allowed, but by the next request this picture is too old

    async def starts() -> None:
        await eventually(lambda: len(world.out.of("alice", "clientControl")) == 2, "the second look")
        await asyncio.sleep(0.05)  # longer than somebody who has not allowed it would be waited for
        session.camera.times = replace(session.camera.times, max_age_s=5.0)
        session.camera.saw(_signal())

    starting = asyncio.create_task(starts())
    assert await world.ask(session, "what am I holding?") == "Yes."
    await starting
    assert "Turning on the camera" in world.out.of("alice", "agent.progress")
    assert _tool_answer(world) == {"answer": "Yes."}


async def test_a_vision_model_that_fails_is_told_to_the_model(world: Any) -> None:
    session = world.session()
    session.camera.source = _OneFrame()
    session.camera.saw(_signal())
    world.script(lambda received: _vision_fails(received.json))
    reply = await world.ask(session, "what am I holding?")
    assert reply == "I cannot look right now."
    assert _tool_answer(world)["reason"] == "vision_unavailable"
    assert world.out.of("alice", "clientControl") == [], "a camera that is on is left alone"


TURN_ON, TURN_OFF = tool_calls(("turn_camera", {"on": True})), tool_calls(("turn_camera", {"on": False}))


async def test_a_camera_that_is_asked_for_stays_on_once_it_is_allowed(world: Any) -> None:
    session = world.session()
    session.camera.source = _OneFrame()
    session.camera.times = replace(session.camera.times, question_s=30.0)
    world.script(TURN_ON, chat("Press Allow."), TURN_ON, chat("On already."), LOOK, chat("A card."))
    await world.ask(session, "turn on the camera")
    assert _tool_answer(world)["reason"] == "camera_off"
    asking = session.camera._stopping
    session.camera.saw(_signal())
    await world.ask(session, "camera on")
    assert _tool_answer(world) == {"ok": True, "changed": False}
    await world.ask(session, "what am I holding?")
    assert session.camera._stopping is not asking
    await session.camera._stopping
    assert world.out.of("alice", "clientControl") == ['{"action": "startCamera"}'], "the look let it go"


async def test_a_question_for_the_camera_that_nobody_answers_is_withdrawn(world: Any) -> None:
    session = world.session()
    world.script(TURN_ON, chat("Press Allow."))
    await world.ask(session, "turn on the camera")
    await session.camera._stopping
    assert world.out.of("alice", "clientControl") == ['{"action": "startCamera"}', '{"action": "stopCamera"}']


async def test_a_camera_that_the_person_turned_off_again_is_let_go_after_a_look(world: Any) -> None:
    session = world.session()
    session.camera.source = _OneFrame()
    session.camera.saw(_signal())
    world.script(TURN_ON, chat("On already."), LOOK, chat("A card."))
    await world.ask(session, "turn on the camera")
    session.camera.times = replace(session.camera.times, max_age_s=0.0, start_timeout_s=9.0)

    async def starts_again() -> None:
        await eventually(lambda: world.out.of("alice", "clientControl"), "the look")
        session.camera.times = replace(session.camera.times, max_age_s=5.0)
        session.camera.saw(_signal())

    starting = asyncio.create_task(starts_again())
    await world.ask(session, "what am I holding?")
    await starting
    await session.camera._stopping
    assert world.out.of("alice", "clientControl") == ['{"action": "startCamera"}', '{"action": "stopCamera"}']


async def test_a_camera_is_turned_off_on_request(world: Any) -> None:
    session = world.session()
    session.camera.saw(_signal())
    world.script(TURN_OFF, chat("It is off."), TURN_OFF, chat("It is off already."))
    await world.ask(session, "turn off the camera")
    assert _tool_answer(world) == {"ok": True, "changed": True}
    assert world.out.of("alice", "clientControl") == ['{"action": "stopCamera"}']
    await world.ask(session, "turn off the camera")
    assert _tool_answer(world) == {"ok": True, "changed": False}


async def test_a_camera_that_goes_on_delivering_is_said_to_be_held_by_the_person(world: Any) -> None:
    session = world.session()
    session.camera.times = replace(session.camera.times, release_s=1.0)
    session.camera.saw(_signal())

    async def films() -> None:
        while True:
            await asyncio.sleep(0.02)
            session.camera.saw(_signal())

    filming = asyncio.create_task(films())
    world.script(TURN_OFF, chat("You hold it."))
    await world.ask(session, "turn off the camera")
    filming.cancel()
    assert _tool_answer(world)["reason"] == "held_by_person"


def _vision_fails(body: dict[str, Any]) -> Response:
    if body["model"] == "vlm":
        return PlainTextResponse("no GPU", status_code=500)
    if body["messages"][-1]["role"] == "tool":
        return chat("I cannot look right now.")
    return LOOK


# --- models that think ---


@pytest.fixture
def thinking_world(world: Any) -> Any:
    agent = world.agent
    world.agent = replace(agent, models=replace(agent.models, agent_thinks=True))
    world.ack = lambda _received: chat(json.dumps({"ack": "Working it out", "think": True}))
    return world


def _thinking(request: Any) -> tuple[bool, int]:
    kwargs = request.json.get("chat_template_kwargs") or {}
    return bool(kwargs.get("enable_thinking")), request.json["max_tokens"]


async def test_a_thinking_model_thinks_before_the_first_tool_only(thinking_world: Any) -> None:
    thinking_world.script(ADD_RED_BOX, chat("I added a red box."))
    await thinking_world.ask(thinking_world.session(), "put it left of the other one")
    assert [_thinking(request) for request in thinking_world.loop_requests] == [(True, 2048), (False, 1024)]


async def test_thinking_that_used_up_the_answer_is_followed_by_a_straight_answer(thinking_world: Any) -> None:
    thinking_world.script(chat("", finish_reason="length"), chat("It is on your left."))
    reply = await thinking_world.ask(thinking_world.session(), "where is it")
    assert reply == "It is on your left."
    assert [_thinking(request)[0] for request in thinking_world.loop_requests] == [True, False]
