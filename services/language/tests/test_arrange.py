"""Things in order: rows, towers, and which of them is meant afterwards."""

import pytest

from xr_ai_spatial import HeadPose, Vec3

RED, BLUE, GREEN = {"r": 1.0, "g": 0.0, "b": 0.0}, {"r": 0.0, "g": 0.0, "b": 1.0}, {"r": 0.0, "g": 0.5, "b": 0.0}


@pytest.fixture
def scattered(room):
    """A blue cube at the right, a big red one at the left and behind, a green sphere between them on the floor."""
    room.add_primitive("box", x=2.0, y=1.0, z=-1.0, **BLUE)
    room.add_primitive("box", x=-2.0, y=2.0, z=3.0, size=0.2, **RED)
    room.add_primitive("sphere", x=0.5, y=0.1, z=-1.0, **GREEN)
    return room


@pytest.mark.parametrize(
    "text", ["line everything up", "put all of them in a row", "arrange everything side by side", "line up everything"]
)
def test_a_row_stands_before_the_user_in_the_order_they_had(scattered, text):
    said = scattered.say(text)
    assert said.reply == "I put the red cube, the green sphere and the blue cube in a row in front of you."
    for name, x in (("box-1", -0.45), ("sphere-0", 0.05), ("box-0", 0.45)):
        assert scattered.at(name) == pytest.approx((x, 1.6, -1.5))


def test_a_row_follows_the_view(scattered):
    scattered.pose = HeadPose.looking(Vec3(0.0, 1.6, 0.0), yaw_deg=90)
    scattered.say("line everything up")
    assert [scattered.at(name)[0] for name in scattered.objects] == pytest.approx([1.5, 1.5, 1.5])


@pytest.mark.parametrize("text", ["stack everything", "put all of them on top of each other", "pile everything up"])
def test_a_tower_stands_on_the_biggest(scattered, text):
    said = scattered.say(text)
    assert said.reply == "I put the red cube, the blue cube and the green sphere on top of each other."
    for name, y in (("box-1", 2.0), ("box-0", 2.3), ("sphere-0", 2.5)):
        assert scattered.at(name) == pytest.approx((-2.0, y, 3.0))


def test_one_thing_is_no_row(room):
    assert room.say("line them up").reply == "I need two things at least for that; the scene is empty."
    room.say("add a cube")
    assert room.say("stack them").reply == "I need two things at least for that; there is a cyan cube."


def test_they_are_all_of_a_group_even_if_some_stood_right_already(room):
    room.say("add three cubes")
    room.say("make the middle one bigger")
    room.say("line the cubes up")
    room.sections["Last changed"] = '["box-0", "box-2"]'
    assert room.say("stack them").reply == "I put 3 cyan cubes on top of each other."


@pytest.mark.parametrize(
    ("text", "count"),
    [("make a tower of four cubes", 4), ("build a tower", 3), ("add three red balls on top of each other", 3)],
)
def test_a_tower_is_built_of_new_things(room, text, count):
    assert room.say(text).reply.startswith("I put a tower of ")
    heights = sorted(item["position"]["y"] for item in room.objects.values())
    assert heights == pytest.approx([1.6 + 0.2 * (at - (count - 1) / 2) for at in range(count)])


def test_a_high_tower_stands_on_the_floor(room):
    room.say("make a tower of twenty cubes")
    assert min(item["position"]["y"] for item in room.objects.values()) == pytest.approx(0.1)


# --- the tower is a thing, as long as it stands
def test_the_tower_is_moved_painted_and_topped_as_one(room):
    room.add_primitive("box", x=2.0, **BLUE)
    room.say("build a tower")
    assert room.say("move the tower to the left").reply == "I moved 3 cyan cubes half a meter to the left."
    assert room.say("how tall is the tower").reply == "The tower of 3 is 0.6 meters tall."
    room.say("put the tower behind me")
    for at, y in ((1, 1.6), (2, 1.8), (3, 2.0)):
        assert room.at(f"box-{at}") == pytest.approx((0.0, y, 1.5))
    room.say("put a red ball on top of the tower")
    assert room.at("sphere-0") == pytest.approx((0.0, 2.2, 1.5))
    assert room.say("make the top one white").reply == "I made the red sphere white."
    room.say("put the tower on the floor")
    assert room.at("box-1")[1] == pytest.approx(0.1)
    assert room.at("sphere-0")[1] == pytest.approx(0.7)
    assert room.say("delete the tower").reply == "I deleted 4 objects."
    assert list(room.objects) == ["box-0"]


def test_no_tower_or_one_of_two_is_said(room):
    assert room.say("delete the tower").reply == "There is no tower; the scene is empty."
    room.say("build a tower")
    room.say("make a tower of two balls")
    room.sections["Last changed"] = "[]"
    room.talk.clear()
    room.say("hello")
    room.add_primitive("box", x=3.0, **BLUE)
    said = room.say("delete the tower")
    assert (said.calls, said.reply) == ([], "There are 2 towers; please say what is in the one you mean.")


def test_the_middle_is_along_the_way_in_which_they_lie(room):
    room.say("add three cubes")
    assert room.say("make the middle one red").calls[-1][1]["obj_id"] == "box-1"
    room.say("stack the cubes")
    assert room.say("delete the middle cube").tools == ["remove_primitive"]
    assert room.say("delete the middle cube").reply.startswith("Of 2 none is in the middle")


# --- what it cannot arrange
@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("put them in a circle", "in a circle"),
        ("sort them by size", "by size"),
        ("add ten cubes in a circle", "in a circle"),
    ],
)
def test_another_order_is_named_with_what_there_is_instead(scattered, text, how):
    said = scattered.say(text)
    assert said.calls == []
    assert said.reply == f'I do not know how to put things "{how}"; I can put them in a row or on top of each other.'
