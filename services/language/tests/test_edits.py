"""Requests that change the scene, carried out in a room with the real spatial maths."""

import json

import pytest

from xr_ai_spatial import HeadPose, Vec3

RED, BLUE, GREEN = {"r": 1.0, "g": 0.0, "b": 0.0}, {"r": 0.0, "g": 0.0, "b": 1.0}, {"r": 0.0, "g": 1.0, "b": 0.0}


def test_a_red_cube_two_meters_in_front_then_blue_then_gone(room):
    said = room.say("put a red cube two meters in front of me")
    assert said.tools == ["place_user_relative", "add_primitive"]
    assert said.calls[0][1] == {"direction": "front", "distance": 2.0}
    assert said.reply == "I put a red cube 2 meters in front of you."
    assert room.only() == {
        "id": "box-0",
        "type": "box",
        "position": {"x": 0.0, "y": 1.6, "z": -2.0},
        "color": RED,
        "size": 0.1,
    }
    assert room.say("make it blue").reply == "I made the red cube blue."
    assert room.only()["color"] == BLUE
    assert room.say("delete it").reply == "I deleted the blue cube."
    assert room.objects == {}


def test_in_front_follows_the_view(room):
    room.pose = HeadPose.looking(Vec3(1.0, 1.7, 0.5), yaw_deg=90)
    room.say("put a red cube two meters in front of me")
    assert room.at("box-0") == pytest.approx((3.0, 1.7, 0.5))


def test_the_red_cube_that_is_not_there_is_added(room):
    """Hearing takes "a" for "the"; the headline request must work all the same."""
    room.add_primitive("sphere", x=1.0)
    said = room.say("put the red cube two meters in front of me", confidence=0.9)
    assert said.tools == ["place_user_relative", "add_primitive"]
    assert room.at("box-0") == pytest.approx((0.0, 1.6, -2.0))
    assert said.reply.startswith("I put a red cube")


def test_the_red_cube_that_is_there_is_moved(room):
    room.add_primitive("box", **RED)
    said = room.say("put the red cube two meters in front of me")
    assert said.tools == ["place_user_relative", "update_primitive"]
    assert room.at("box-0") == pytest.approx((0.0, 1.6, -2.0))
    assert said.reply == "I moved the red cube 2 meters in front of you."


@pytest.mark.parametrize(
    "text", ["delete the red cube", "make the red cube blue", "make the red cube bigger", "move the red cube up"]
)
def test_nothing_is_done_to_what_is_not_there(room, text):
    room.add_primitive("sphere", **BLUE)
    said = room.say(text)
    assert said.calls == []
    assert said.reply == "There is no red cube; there is a blue sphere."


@pytest.mark.parametrize(
    ("text", "tools", "place"),
    [
        ("put a green cube on top of the red cube", ["place_object_relative"], (0.0, 1.2, -2.0)),
        ("put a green cube one meter above the red cube", ["place_object_relative"], (0.0, 2.0, -2.0)),
        ("put a green cube to the left of the red cube", ["place_object_relative"], (-0.3, 1.0, -2.0)),
        ("put a green cube in front of the red cube", ["place_object_relative"], (0.0, 1.0, -1.7)),
        ("put a green cube next to the red cube", ["place_object_relative"], (0.3, 1.0, -2.0)),
        ("put a green cube between the red cube and the blue sphere", ["between_anchors"], (0.5, 1.0, -2.0)),
        ("put a green cube in the red cube", [], (0.0, 1.0, -2.0)),
        ("put a green cube to my left", ["place_user_relative"], (-1.5, 1.6, 0.0)),
        ("put a green cube on the floor", ["place_user_relative"], (0.0, 0.1, -1.5)),
    ],
)
def test_places_are_worked_out_by_the_spatial_tools(room, text, tools, place):
    room.add_primitive("box", x=0.0, y=1.0, z=-2.0, **RED)
    room.add_primitive("sphere", x=1.0, y=1.0, z=-2.0, **BLUE)
    said = room.say(text)
    assert said.tools == [*tools, "add_primitive"]
    assert room.at("box-1") == pytest.approx(place)


@pytest.mark.parametrize(
    ("text", "tool", "place"),
    [
        ("move the red cube one meter up", "displace_object", (0.0, 2.0, -2.0)),
        ("move the red cube up one meter and to the left", "displace_object", (-0.5, 2.0, -2.0)),
        ("move the red cube closer to me", "along_direction", (0.0, 1.144, -1.521)),
        ("move the red cube one meter toward the blue sphere", "along_direction", (1.0, 1.0, -2.0)),
        ("move the red cube one meter away from the blue sphere", "along_direction", (-1.0, 1.0, -2.0)),
        ("put the red cube between me and the blue sphere", "between_anchors", (1.0, 1.3, -1.0)),
        ("put the red cube in the blue sphere", "place_inside_by_id", (2.0, 1.0, -2.0)),
    ],
)
def test_moves_are_one_calculation_and_one_update(room, text, tool, place):
    room.add_primitive("box", x=0.0, y=1.0, z=-2.0, **RED)
    room.add_primitive("sphere", x=2.0, y=1.0, z=-2.0, **BLUE)
    said = room.say(text)
    assert said.tools == [tool, "update_primitive"]
    assert {"obj_id", "x", "y", "z"} == set(said.calls[1][1])
    assert room.at("box-0") == pytest.approx(place, abs=0.01)


def test_several_objects_move_by_one_calculation(room):
    for x in (0.0, 1.0, 2.0):
        room.add_primitive("box", x=x, y=1.0, z=-2.0)
    said = room.say("move all the cubes up one meter")
    assert said.tools == ["displace_objects", *["update_primitive"] * 3]
    assert [room.at(f"box-{n}")[1] for n in range(3)] == pytest.approx([2.0] * 3)


def test_several_new_things_stand_in_a_row(room):
    said = room.say("add three yellow cubes")
    assert said.tools.count("add_primitive") == 3
    assert said.reply == "I put 3 yellow cubes in front of you."
    xs = sorted(room.at(object_id)[0] for object_id in room.objects)
    assert xs[1] - xs[0] >= 0.2
    assert xs[2] - xs[1] >= 0.2
    room.say("make them green")
    assert [item["color"]["g"] for item in room.objects.values()] == pytest.approx([0.502] * 3, abs=0.001)


def test_a_thing_without_a_place_is_not_put_into_another(room):
    room.say("add a red cube")
    room.say("add a blue sphere")
    assert abs(room.at("box-0")[0] - room.at("sphere-0")[0]) >= 0.2


def test_a_sentence_of_three_clauses_is_done_in_order(room):
    said = room.say("put a red cube in front of me then put a blue sphere on top of it and make it twice as big")
    assert room.at("sphere-0") == pytest.approx((0.0, 1.8, -1.5))
    assert room.objects["sphere-0"]["size"] == pytest.approx(0.2)
    assert room.objects["box-0"]["size"] == pytest.approx(0.1)
    assert said.reply.count("I ") == 3


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("make it twice as big", 0.2),
        ("make it smaller", 0.067),
        ("make it huge", 1.0),
        ("resize it to two meters", 1.0),
        ("scale it by three", 0.3),
    ],
)
def test_sizes(room, text, size):
    room.add_primitive("box", **RED)
    room.say(text)
    assert room.only()["size"] == pytest.approx(size, abs=0.001)


def test_deleting_everything_is_one_step_of_one_call_each(room):
    for _ in range(3):
        room.add_primitive("box")
    assert room.say("delete everything").tools == ["remove_primitive"] * 3
    assert room.objects == {}
    again = room.say("delete everything")
    assert (again.tools, again.reply) == ([], "The scene is empty already.")


def test_swapping(room):
    room.add_primitive("box", x=1.0)
    room.add_primitive("sphere", x=-1.0)
    room.say("swap the cube and the sphere")
    assert room.at("box-0")[0] == -1.0
    assert room.at("sphere-0")[0] == 1.0


def test_a_cube_turns_into_a_sphere_and_stays_the_one_talked_about(room):
    room.add_primitive("box", x=3.0, **BLUE)
    room.add_primitive("box", **RED)
    room.say("turn the red cube into a sphere")
    room.say("make it green")
    assert room.objects["box-1"]["type"] == "sphere"
    assert room.objects["box-1"]["color"]["g"] == pytest.approx(0.502, abs=0.001)
    assert room.objects["box-0"]["color"] == BLUE


# --- what is meant
def test_it_is_the_subject_of_the_last_reply_and_not_the_newest(room):
    room.add_primitive("sphere", **BLUE)
    room.add_primitive("box", x=2.0, **RED)
    room.say("move the blue sphere up")
    room.say("make it green")
    assert room.objects["sphere-0"]["color"]["b"] == 0.0
    assert room.objects["box-0"]["color"] == RED


def test_without_a_talk_it_is_what_was_moved_last_else_the_newest(room):
    room.add_primitive("sphere", **BLUE)
    room.add_primitive("box", **RED)
    room.moves = [{"id": "sphere-0", "before": {"x": 0, "y": 0, "z": 0}, "after": {"x": 0, "y": 1.6, "z": -1.5}}]
    assert room.say("delete it").calls == [("remove_primitive", {"obj_id": "sphere-0"})]
    room.talk, room.moves = [], []
    assert room.say("delete it").calls == [("remove_primitive", {"obj_id": "box-0"})]


def test_it_after_a_deletion_deletes_nothing_else(room):
    room.add_primitive("sphere", **BLUE)
    room.add_primitive("box", x=1.0, **RED)
    room.say("delete the red cube")
    said = room.say("delete it")
    assert said.calls == []
    assert "blue sphere" in said.reply


def test_an_ambiguous_request_asks_and_the_answer_completes_it(room):
    room.add_primitive("box", x=-1.0, z=-2.0, **RED)
    room.add_primitive("box", x=1.0, z=-2.0, **BLUE)
    asked = room.say("delete the cube")
    assert (asked.calls, asked.reply) == ([], "Which one do you mean: the red cube or the blue cube?")
    assert room.say("the blue one").calls == [("remove_primitive", {"obj_id": "box-1"})]


def test_twins_are_told_apart_by_side(room):
    room.add_primitive("box", x=-1.0, z=-2.0, **RED)
    room.add_primitive("box", x=1.0, z=-2.0, **RED)
    assert "the left one or the right one" in room.say("delete the red cube").reply
    assert room.say("the left one").calls == [("remove_primitive", {"obj_id": "box-0"})]


def test_left_is_left_as_the_user_sees_it(room):
    room.pose = HeadPose.looking(Vec3(0.0, 1.6, -4.0), yaw_deg=180)
    room.add_primitive("box", x=-1.0, z=-2.0)
    room.add_primitive("box", x=1.0, z=-2.0)
    assert room.say("delete the left cube").calls == [("remove_primitive", {"obj_id": "box-1"})]


@pytest.mark.parametrize(
    ("said", "deleted"),
    [("the green cube", "box-1"), ("the first cube", "box-0"), ("the last one", "sphere-0"), ("the big cube", "box-2")],
)
def test_shades_ordinals_and_sizes(room, said, deleted):
    room.add_primitive("box", r=0.9, g=0.1, b=0.1)
    room.add_primitive("box", x=1.0, **GREEN)
    room.add_primitive("box", x=2.0, size=0.4, **BLUE)
    room.add_primitive("sphere", x=3.0)
    assert room.say(f"delete {said}").calls == [("remove_primitive", {"obj_id": deleted})]


# --- truth
@pytest.mark.parametrize(
    ("tool", "answer", "words"),
    [
        ("add_primitive", {"ok": False, "reason": "not_started", "id": "box-0"}, "renderer has not started"),
        ("add_primitive", {"ok": False, "reason": "backpressure"}, "too busy"),
        ("add_primitive", {"error": "the scene is full (200 objects)"}, "the scene is full"),
        ("place_user_relative", {"error": "pose unavailable"}, "do not know where your head is"),
        ("place_user_relative", "Error: connection refused", "connection refused"),
        ("place_user_relative", {"unexpected": 1}, "no position"),
    ],
)
def test_a_failed_tool_is_said_and_never_glossed_over(room, tool, answer, words):
    room.failing[tool] = answer
    said = room.say("put a red cube two meters in front of me")
    assert words in said.reply
    assert said.reply.startswith("I could not add a red cube 2 meters in front of you: ")
    assert "I put" not in said.reply


def test_after_a_failure_the_rest_is_not_done_and_what_was_done_is_said(room):
    room.failing["remove_primitive"] = {"ok": False, "reason": "backpressure"}
    said = room.say("add a red cube and delete it and add a blue ball")
    assert said.reply == "I put a red cube in front of you. I could not delete it: the renderer is too busy."
    assert list(room.objects) == ["box-0"]


def test_partial_success_is_counted(room):
    for _ in range(2):
        room.add_primitive("box")
    room.objects["ghost-0"] = {**room.objects["box-0"], "id": "ghost-0"}
    room.sections["Scene"] = json.dumps(room.get_scene_state())
    del room.objects["ghost-0"]
    said = room.say("delete everything")
    assert said.reply.startswith("I deleted 2 cyan cubes, but 1 of 3 did not work: it is not in the scene any more")


def test_an_unknown_scene_is_asked_for_and_is_not_an_empty_one(room):
    room.add_primitive("box", **RED)
    room.sections["Scene"] = "unavailable: render-mcp does not answer"
    assert room.say("delete the red cube").tools == ["get_scene_state", "remove_primitive"]
    room.add_primitive("box", **RED)
    room.failing["get_scene_state"] = {"error": "connection refused"}
    said = room.say("delete the red cube")
    assert said.tools == ["get_scene_state"]
    assert said.reply == "I cannot see the scene: connection refused."
    room.hidden = {"get_scene_state"}
    assert room.say("how many cubes are there").reply == "I cannot see the scene: render-mcp does not answer."


def test_an_unknown_head_is_asked_for(room):
    room.add_primitive("box", x=0.0, z=-2.0)
    room.sections["Head pose"] = "unavailable: oxr-mcp does not answer"
    assert room.say("where is the cube").tools == ["get_head_pose"]
    room.pose = None
    said = room.say("where is the cube")
    assert "I do not know where you are" in said.reply
    assert "x 0" in said.reply


def test_a_tool_that_is_not_offered_is_not_called(room):
    room.hidden = {"place_user_relative"}
    said = room.say("put a red cube in front of me")
    assert said.calls == []
    assert "place_user_relative is not available" in said.reply


@pytest.mark.parametrize("shape", ["cone", "cylinder", "star"])
def test_a_shape_that_is_not_drawn_is_refused(room, shape):
    said = room.say(f"add a red {shape}")
    assert said.calls == []
    assert said.reply == f"I can only draw cubes and spheres, no {shape}s."


def test_what_a_renderer_draws_is_read_from_the_tool(room, monkeypatch):
    offered = room.offered()
    schema = next(tool for tool in offered if tool["function"]["name"] == "add_primitive")["function"]["parameters"]
    schema["properties"]["prim_type"]["enum"] = ["box", "cone"]
    monkeypatch.setattr(room, "offered", lambda: offered)
    assert room.say("add a red cone").tools == ["place_user_relative", "add_primitive"]
    assert room.say("add a ball").reply == "I can only draw cubes and cones, no balls."


def test_rotation_and_materials_are_not_pretended(room):
    room.add_primitive("box", **RED)
    assert "no orientation" in room.say("rotate the cube by ninety degrees").reply
    assert "no metal look" in room.say("add a metal ball").reply


def test_undo_uses_the_tool_for_it_when_there_is_one(room):
    def undo() -> dict[str, object]:
        return {"ok": True, "undone": ["added a red cube"], "steps_left": 0}

    room.extra["undo"] = undo
    said = room.say("undo that")
    assert (said.tools, said.reply) == (["undo"], "I took the last change back: added a red cube.")
    room.extra["undo"] = lambda: {"ok": False, "error": "there is nothing to undo"}
    room.extra["undo"].__name__ = "undo"
    assert room.say("undo that").reply == "There is nothing to undo."


@pytest.mark.parametrize(
    ("changed", "colors", "reply"),
    [
        ([["added"]], "r", "I took the red cube away again."),
        ([["removed"], ["removed"]], "rr", "I brought 2 red cubes back."),
        ([["position"]], "r", "I moved the red cube back."),
        ([["color"], ["color"]], "rb", "I gave the red cube and the blue cube the old color back."),
        ([["size"], ["position"]], "rb", "I gave the red cube the old size back and moved the blue cube back."),
        ([["position", "size"]], "b", "I put the blue cube back as it was."),
        ([], "", "I took the last change back."),
    ],
)
def test_an_undo_is_told_in_words_and_never_by_ids(room, changed, colors, reply):
    def undo() -> dict[str, object]:
        items = [
            {"id": f"box-{at}", "type": "box", "position": {"x": 0.0, "y": 1.6, "z": -1.0 - at}, "size": 0.1,
             "color": {key: float(key == color) for key in "rgb"}}
            for at, color in enumerate(colors)
        ]  # fmt: skip
        undone = [{"changed": what, "object": item} for what, item in zip(changed, items, strict=True)]
        return {"ok": True, "undone": undone, "steps_left": 0}

    room.extra["undo"] = undo
    assert room.say("undo that").reply == reply


def test_undo_without_a_tool_restores_the_last_move(room):
    assert room.say("undo that").reply == "There is nothing to undo that I remember."
    room.add_primitive("box", x=0.0, y=1.0, z=-2.0)
    room.say("move the cube up one meter")
    said = room.say("undo that")
    assert said.tools == ["update_primitive"]
    assert room.at("box-0") == (0.0, 1.0, -2.0)
