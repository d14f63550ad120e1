"""What people try in their first five minutes: ends of requests, plurals, "which one", again, redo, unknown things."""

import pytest

RED, BLUE, GREEN = {"r": 1.0, "g": 0.0, "b": 0.0}, {"r": 0.0, "g": 0.0, "b": 1.0}, {"r": 0.0, "g": 0.5, "b": 0.0}


@pytest.fixture
def three(room):
    """A red cube 2 m ahead, a big blue cube at its right and a green sphere 1 m ahead."""
    room.add_primitive("box", x=0.0, y=1.6, z=-2.0, **RED)
    room.add_primitive("box", x=1.0, y=1.6, z=-2.0, size=0.2, **BLUE)
    room.add_primitive("sphere", x=0.0, y=1.6, z=-1.0, **GREEN)
    return room


def test_a_copy_is_like_the_original_and_beside_it(three):
    assert three.say("duplicate the green sphere").reply == "I put another green sphere beside the first."
    assert three.objects["sphere-1"]["color"] == GREEN
    assert three.say("what shape is it").reply == "It is a green sphere."


def test_showing_the_scene_never_offers_to_delete_it(three):
    for text in ("show me the scene", "show me all you have", "show me the whole scene please"):
        assert "delete" not in three.say(text).reply


# --- only the end of a request
def test_the_end_of_a_request_is_about_what_was_made_last(room):
    room.say("make a cube")
    assert room.say("bigger").reply == "I made the cyan cube 30 centimeters wide."
    assert room.say("now green").reply == "I made the cyan cube green."
    room.say("up a bit")
    assert room.at("box-0") == pytest.approx((0.0, 1.8, -1.5))
    room.say("no, make it white")
    assert room.only()["color"] == {"r": 1.0, "g": 1.0, "b": 1.0}
    assert room.say("another one").reply == "I put another white cube beside the first."


def test_a_bare_color_answers_the_question_which_one(three):
    assert three.say("delete the cube").reply == "Which one do you mean: the red cube or the blue cube?"
    assert three.say("blue").reply == "I deleted the blue cube."


def test_again_repeats_the_last_request_and_says_when_there_is_none(room):
    assert room.say("again").reply == "There is nothing to do again; please say the whole request."
    room.say("make a cube")
    room.say("move it up")
    room.say("again")
    room.say("a bit more")
    assert room.at("box-0") == pytest.approx((0.0, 3.1, -1.5))
    room.say("how many are there")
    assert room.say("again").calls == []


def test_a_doubtfully_heard_again_is_confirmed(room):
    room.say("make a cube")
    room.say("delete it")
    room.say("make a cube")
    said = room.say("again", confidence=0.3)
    assert said.calls == []
    assert said.reply.endswith("Did you mean: add a cube?")


# --- which one
@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("which one is the biggest?", "The biggest is the blue cube: 40 centimeters wide."),
        ("which one is smallest", "20 centimeters wide."),
        ("which cube is the smallest", "The smallest is the red cube: 20 centimeters wide."),
        ("what is the nearest object", "The nearest is the green sphere: 1 meter away."),
        ("which one is closest to me", "The nearest is the green sphere: 1 meter away."),
        ("which cube is on the right", "The one on the right is the blue cube."),
        ("which one is the newest", "The newest is the green sphere."),
        ("which sphere is the biggest", "There is only one: the green sphere."),
        ("which cone is the biggest", "There is no biggest cone; there is a red cube, a blue cube and a green sphere."),
        ("how many are there", "There are 3 objects."),
        ("are there any cubes", "Yes, there is a red cube and a blue cube."),
    ],
)
def test_questions_for_one_of_several(three, text, reply):
    said = three.say(text)
    assert said.calls == []
    assert said.reply.endswith(reply)


def test_a_tie_is_said_to_be_one(three):
    assert three.say("which one is the smallest").reply == (
        "The red cube and the green sphere are the smallest: 20 centimeters wide."
    )
    three.say("delete the blue cube")
    assert three.say("which is the biggest").reply == "Both are 20 centimeters wide."


def test_nothing_is_the_biggest_in_an_empty_scene(room):
    assert room.say("which one is the biggest").reply == "The scene is empty."


def test_what_was_asked_about_is_it_even_among_its_like(room):
    for x in (-1.0, 0.0, 1.0):
        room.add_primitive("box", x=x, y=1.6, z=-2.0, **RED)
    room.objects["box-0"]["size"] = 0.3
    assert room.say("which one is the biggest").reply == (
        "The biggest is the red cube 2.2 meters ahead: 0.6 meters wide."
    )
    room.say("delete it")
    assert list(room.objects) == ["box-1", "box-2"]


def test_what_was_changed_is_it_even_among_its_like(room):
    for x in (-1.0, 0.0, 1.0):
        room.add_primitive("box", x=x, y=1.6, z=-2.0, **RED)
    room.say("make the left one bigger")
    room.sections["Last changed"] = '["box-0"]'
    room.say("delete it")
    assert list(room.objects) == ["box-1", "box-2"]


def test_it_survives_a_row_of_misunderstandings(three):
    three.say("make the red cube yellow")
    three.sections["Last changed"] = '["box-0"]'
    for _ in range(5):
        three.say("blah blah")
    three.say("delete it")
    assert list(three.objects) == ["box-1", "sphere-0"]


# --- plurals and shades
def test_all_of_them_are_meant_by_all_of_them(three):
    assert three.say("make them all green").reply == "I made the red cube, the blue cube and the green sphere green."
    assert three.say("make both cubes red").reply == "I made 2 green cubes red."


def test_where_many_are_is_told_shortly(room):
    for x in range(5):
        room.add_primitive("box", x=float(x), y=1.6, z=-2.0, **RED)
    assert room.say("where are the cubes").reply == (
        "There are 5 red cubes; the nearest one is 2 meters in front of you."
    )


def test_lighter_and_darker_mix_white_and_black_in(room):
    room.add_primitive("box", **RED)
    assert room.say("make it lighter").reply == "I made the red cube lighter."
    assert room.only()["color"] == {"r": 1.0, "g": 0.3, "b": 0.3}
    room.say("make it black")
    assert room.say("a lot darker").reply == "The black cube cannot become darker: it is black."


# --- redo
def test_redo_says_what_is_done_again(room):
    box = {"id": "box-0", "type": "box", "position": {"x": 0, "y": 1.6, "z": -1}, "color": RED, "size": 0.1}
    answers = [
        {"ok": True, "redone": [{"changed": ["removed"], "object": box}], "steps_left": 0},
        {"ok": False, "error": "there is nothing to redo"},
    ]

    def redo() -> dict[str, object]:
        return answers.pop(0)

    room.extra["redo"] = redo
    assert room.say("redo").reply == "I deleted the red cube again."
    assert room.say("redo").reply == "There is nothing to redo."


# --- what it has no word for
@pytest.mark.parametrize(
    ("text", "thing"),
    [("add a car", "car"), ("put a big red tree in front of me", "tree"), ("please make me a sandwich", "sandwich")],
)
def test_a_thing_without_a_word_is_named_with_what_there_is_instead(room, text, thing):
    said = room.say(text)
    assert said.calls == []
    assert said.reply == f'I do not know how to draw "{thing}"; I can only draw cubes and spheres.'


def test_what_can_be_drawn_does_not_change_the_topic(three):
    three.say("make the red cube bigger")
    assert "no pyramids" in three.say("put a pyramid in front of me").reply
    assert three.say("make it white").reply == "I made the red cube white."


def test_who_wants_a_change_is_not_taken_to_ask_a_question(three):
    assert "what do you see" not in three.say("make it look like metal").reply


def test_a_likely_change_is_asked_about_in_words_not_in_factors(three):
    assert three.say("the red cube is too small").reply == "Did you mean: make the red cube bigger?"


# --- shapes that nobody can draw
@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("a green cone", "cones"),
        ("add a pyramid", "pyramids"),
        ("cylinder", "cylinders"),
        ("could i get a torus", "toruses"),
        ("put the cone in front of me", "cones"),
        ("put two cones next to each other", "cones"),
        ("turn it into a pyramid", "pyramids"),
    ],
)
def test_a_shape_that_cannot_be_drawn_is_not_asked_back_about(three, text, shapes):
    refusal = f"I can only draw cubes and spheres, no {shapes}."
    said = three.say(text)
    assert (said.calls, said.reply) == ([], refusal)
    heard_badly = three.say(text, confidence=0.3).reply
    assert "Did you mean" not in heard_badly
    assert heard_badly.startswith("I am not sure that I heard you right")


# --- a thing by itself
def test_a_thing_alone_is_wanted(room):
    assert room.say("a green cube please").reply == "I put a green cube in front of you."
    assert room.say("a small ball on my left").tools == ["place_user_relative", "add_primitive"]


def test_a_thing_that_is_not_there_is_offered(three):
    asked = three.say("yellow cube")
    assert (asked.calls, asked.reply) == ([], "Did you mean: add a yellow cube?")
    assert three.say("yes").reply == "I put a yellow cube in front of you."


# --- one of two, all but one
def test_the_other_one_is_not_what_the_talk_was_about(room):
    room.add_primitive("box", **RED)
    room.add_primitive("sphere", x=1.0, **BLUE)
    room.say("make the cube bigger")
    assert room.say("the other one").reply == "Did you mean: make the other one bigger?"
    assert room.say("make the other one green").reply == "I made the blue sphere green."
    assert room.say("delete the other one").reply == "I deleted the red cube."
    assert room.say("make the sphere white").reply == "I made the green sphere white."
    assert room.say("delete the other one").reply == "There is nothing else; there is a white sphere."


def test_which_other_one_is_asked_where_there_are_more(three):
    three.say("make the red cube bigger")
    assert three.say("delete the other one").reply == "Which one do you mean: the blue cube or the green sphere?"


@pytest.mark.parametrize(
    "text", ["delete everything except the sphere", "keep only the sphere", "remove all the cubes"]
)
def test_all_but_one_are_deleted(three, text):
    assert three.say(text).reply == "I deleted the red cube and the blue cube."


def test_the_rest_is_all_but_what_the_talk_was_about(three):
    three.say("make the red cube bigger")
    three.say("make everything else white")
    assert three.say("how many white objects are there").reply == "There are 2 white objects."
    three.say("make the red cube bigger")
    three.say("make the other ones blue")
    assert three.say("which one is red").reply == "Yes, there is a red cube."
    assert three.say("how many blue objects are there").reply == "There are 2 blue objects."


@pytest.mark.parametrize("text", ["remove everything else please now", "restore all of that", "undo everything"])
def test_nobody_who_spares_something_is_asked_about_deleting_everything(three, text):
    assert "delete everything" not in three.say(text).reply


# --- back again
def bring_back(all: bool = False, prim_type: str = "", r: float = 0, g: float = 0, b: float = 0) -> dict[str, object]:
    return {"ok": True, "brought_back": []}


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("bring it back", {}),
        ("get that back", {}),
        ("bring everything back", {"all": True}),
        ("restore everything", {"all": True}),
        ("bring the red cube back", {"prim_type": "box", "r": 1.0, "g": 0.0, "b": 0.0}),
        ("get back the sphere", {"prim_type": "sphere"}),
        ("restore the blue one", {"r": 0.0, "g": 0.0, "b": 1.0}),
        ("bring all the cubes back", {"all": True, "prim_type": "box"}),
        ("bring back the blue cubes", {"all": True, "prim_type": "box", "r": 0.0, "g": 0.0, "b": 1.0}),
    ],
)
def test_what_is_wanted_back_is_brought_back_and_nothing_else_undone(three, text, arguments):
    box = {"id": "box-7", "type": "box", "position": {"x": 0, "y": 1.6, "z": -1}, "color": RED, "size": 0.1}
    three.extra["bring_back"] = bring_back
    three.failing["bring_back"] = {"ok": True, "brought_back": [box]}
    said = three.say(text)
    assert (said.calls, said.reply) == ([("bring_back", arguments)], "I brought the red cube back.")
    three.failing["bring_back"] = {"ok": False, "error": "nothing is gone"}
    nothing = "Nothing like that is gone" if {"prim_type", "r"} & set(arguments) else "Nothing is gone"
    assert three.say(text).reply == f'{nothing}; say "undo" to take the last change back.'


@pytest.mark.parametrize("text", ["bring the small cube back", "bring back the left one"])
def test_what_is_gone_is_not_brought_back_by_how_it_looked_beside_others(three, text):
    three.extra["bring_back"] = bring_back
    said = three.say(text)
    assert said.calls == []
    assert said.reply == 'What is gone I know by its shape and color only, as in "bring the red cube back".'


def test_bringing_one_that_is_there_is_still_a_move(three):
    three.extra["bring_back"] = bring_back
    assert "bring_back" not in [call for call, _ in three.say("bring the red cube back to me").calls]


def undo(all: bool = False) -> dict[str, object]:
    return {"ok": True, "undone": [], "steps": 4, "steps_left": 0, "is_complete": True}


@pytest.mark.parametrize("text", ["undo everything", "undo all", "take everything back", "undo all of it"])
def test_everything_is_undone_at_once_and_counted(three, text):
    three.extra["undo"] = undo
    said = three.say(text)
    assert (said.calls, said.reply) == ([("undo", {"all": True})], "I took back all 4 changes.")
    three.failing["undo"] = {**undo(), "is_complete": False}
    assert three.say(text).reply == "I took back the last 4 changes, all that I remember."


def test_what_is_redone_at_once_is_counted(three):
    three.extra["redo"] = lambda: None
    three.extra["redo"].__name__ = "redo"
    three.failing["redo"] = {"ok": True, "redone": [], "steps": 4, "steps_left": 0}
    assert three.say("redo").reply == "I made all 4 changes again."


def test_without_a_tool_for_it_not_one_move_is_undone_for_all(three):
    three.say("move the red cube up")
    assert three.say("undo everything").reply == 'I can only take back the last move: say "undo".'


def test_a_way_back_is_no_undo(three):
    assert three.say("bring the red cube back a bit").reply == "I moved the red cube 20 centimeters back."


# --- alike, and exchanged
def test_colors_are_exchanged(three):
    assert three.say("swap the colours of the cubes").reply == (
        "I swapped the colors of the red cube and the blue cube."
    )
    assert [three.objects[name]["color"] for name in ("box-0", "box-1")] == [BLUE, RED]
    assert three.say("swap their colors").reply.endswith("I need two objects for that, and there are 3.")


def test_one_is_made_like_another(three):
    assert three.say("make the red cube as big as the blue one").reply == "I made the red cube as big as the blue cube."
    assert three.objects["box-0"]["size"] == three.objects["box-1"]["size"]
    said = three.say("make the sphere the same colour as the red cube")
    assert said.reply == "I made the green sphere the same color as the red cube."
    assert three.objects["sphere-0"]["color"] == RED


# --- what is beyond it
@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("make it glow", "glow"),
        ("make it shiny please", "shiny"),
        ("make the red cube touch the wall", "touch the wall"),
    ],
)
def test_a_change_without_a_word_is_named_and_not_guessed_at(three, text, change):
    said = three.say(text)
    assert said.calls == []
    assert said.reply.startswith(f'I do not know how to make something "{change}"; I can move, resize,')


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("put a cube on the table", "on the table"),
        ("move it into the garden", "into the garden"),
        ("add a ball somewhere", "somewhere"),
        ("move it in the corner", "in the corner"),
        ("put the red cube in the middle of the room", "in the middle of the room"),
        ("add a ball around it", "around it"),
    ],
)
def test_a_place_without_a_word_is_named(three, text, place):
    said = three.say(text)
    assert said.calls == []
    assert said.reply.startswith(f'I do not know where "{place}" is; I can put things around you,')


def test_a_question_is_not_taken_for_a_wish(three):
    assert "Did you mean: make" not in three.say("is the red cube bigger than the blue cube").reply


# --- how near, how many
def test_nothing_comes_nearer_than_to_ones_face(room):
    room.add_primitive("box", y=1.6, z=-1.0, **RED)
    assert room.say("move it closer").reply == "I moved the red cube half a meter closer to you."
    assert room.say("closer").reply == "I moved the red cube 10 centimeters closer to you."
    assert room.say("closer").reply == "The red cube cannot come closer to you."
    assert room.at("box-0") == pytest.approx((0.0, 1.6, -0.4))


def test_a_scene_full_of_things_takes_no_more_calls(room):
    for _ in range(7):
        room.say("add a cube")
    assert len(room.say("add a cube and a sphere").calls) <= 6
    places = [room.at(name) for name in room.objects]
    assert len(set(places)) == len(places)


def test_a_few_are_three_and_none_are_many(three):
    three.say("keep only the green sphere")
    assert three.say("delete the cubes").reply == "There are no cubes; there is a green sphere."
    assert three.say("add some cubes").reply == "I put 3 cubes in front of you."


# --- talk
@pytest.mark.parametrize("text", ["what did you say", "say that again", "what"])
def test_the_last_words_are_said_again(three, text):
    assert three.say(text).reply == "I have said nothing yet."
    three.say("make the red cube white")
    assert three.say(text).reply == 'I said: "I made the red cube white."'


def test_who_is_not_content_is_told_the_way_back(three):
    three.say("make the red cube white")
    assert three.say("no that's not what i meant").reply == 'All right. Say "undo" to take it back.'
    assert three.say("no").reply == "All right, I do nothing."


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("are you there", "Yes, I am here"),
        ("great job", "You are welcome"),
        ("i don't understand", "I can put cubes"),
        ("how do i change the color", "I can put cubes"),
        ("what shapes are there", "I can put cubes"),
        ("change its colour", "Any color:"),
        ("i can't see the red cube", "The red cube is"),
        ("where did the sphere go", "The green sphere is"),
        ("is it a cube", "It is a"),
        ("what is on the left", "There is nothing to your left"),
    ],
)
def test_ordinary_words_get_an_answer(three, text, begins):
    said = three.say(text)
    assert said.calls == []
    assert said.reply.startswith(begins)


# --- words that sound alike, and words that nobody knows
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("add tree cubes", "add 3 cubes"),
        ("add to red cubes", "add 2 red cubes"),
        ("delete the green won", "delete the green one"),
        ("put for balls to my left", "add 4 balls to my left"),
    ],
)
def test_a_number_that_was_misheard_is_asked_about(three, text, meant):
    said = three.say(text)
    assert (said.calls, said.reply) == ([], f"Did you mean: {meant}?")


def test_an_unknown_word_is_named(three):
    assert three.say("knock it over").reply.startswith('Sorry, I do not know the word "knock".')
    assert three.say("can you play music").reply.startswith('Sorry, I do not know the words "play" and "music".')


def test_who_names_no_thing_is_asked_for_one(three):
    said = three.say("put something on top of it")
    assert (said.calls, said.reply) == ([], "Please say what: I can draw cubes and spheres, in any color and size.")


@pytest.mark.parametrize(
    "text",
    [
        "arrange everything nicely",
        "the red cube bigger and the green sphere to the blue cube",
    ],
)
def test_no_guess_leaves_out_what_was_said_or_deletes_what_nobody_wanted_gone(three, text):
    reply = three.say(text).reply
    assert "Did you mean: delete" not in reply
    assert "Did you mean: make" not in reply


@pytest.mark.parametrize(
    "text", ["okay so what can i do here", "hello can you hear me", "well make it blue", "ok delete it"]
)
def test_words_before_the_request_are_none_of_it(three, text):
    assert not three.say(text).reply.startswith("Sorry")


# --- one more, of another color; and what two requests share
def test_one_more_of_another_color_or_size(room):
    room.say("add a small cube")
    room.say("add a red one")
    room.say("and a bigger one")
    assert [item["size"] for item in room.objects.values()] == pytest.approx([0.075, 0.075, 0.1125], abs=1e-3)
    assert room.objects["box-1"]["color"] == RED


def test_two_things_have_each_their_place_or_share_one(room):
    room.say("add a red cube in front of me and a blue ball on my left")
    assert room.at("box-0") == pytest.approx((0.0, 1.6, -1.5))
    assert room.at("sphere-0") == pytest.approx((-1.5, 1.6, 0.0))
    room.say("delete everything")
    room.say("a cube and a ball behind me")
    assert [item["position"]["z"] for item in room.objects.values()] == pytest.approx([1.5, 1.5])
    assert len({item["position"]["x"] for item in room.objects.values()}) == 2


def test_two_get_each_their_color(three):
    three.say("make the red cube blue and the green sphere red")
    assert three.objects["box-0"]["color"] == BLUE
    assert three.objects["sphere-0"]["color"] == RED


def test_they_are_never_only_one_thing(room):
    room.say("add a cube")
    room.say("add a ball")
    assert room.say("make them red").reply == "I made the cyan cube and the cyan sphere red."
    room.say("add a blue cube")
    assert room.say("delete them").reply == 'I am not sure which ones you mean; say "all of them", or name them.'
    assert len(room.objects) == 3


def test_groups_are_put_where_nothing_is(room):
    for text in ("add three cubes", "add three cubes", "build a tower", "make a tower of two balls"):
        room.say(text)
    places = [room.at(name) for name in room.objects]
    apart = [sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) ** 0.5 for p in places for q in places if p is not q]
    assert min(apart) >= 0.2 - 1e-6


# --- the one who speaks, and other matters
@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("zoom in", "I cannot zoom or move you"),
        ("come closer", "I cannot zoom or move you"),
        ("move back", "I cannot zoom or move you"),
        ("go closer to the red cube", "I cannot zoom or move you"),
        ("what time is it", "I have no clock"),
        ("tell me a joke", "I know no jokes"),
        ("how's it going", "I am running fine"),
        ("who made you", "I am this demo's embedded agent"),
        ("thanks that's all", "Goodbye"),
    ],
)
def test_what_it_cannot_do_is_said_shortly_and_nothing_changes(three, text, begins):
    said = three.say(text)
    assert said.calls == []
    assert said.reply.startswith(begins)


def test_a_thing_is_thrown_to_who_asks_and_away(three):
    assert three.say("throw the green sphere to me").reply == "I moved the green sphere half a meter closer to you."
    assert three.say("throw it away").reply == "I deleted the green sphere."
