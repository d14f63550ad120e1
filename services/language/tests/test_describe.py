"""Saying a command back: the words must parse to the very command, or "Did you mean …?" would lie."""

from hypothesis import given, settings
from hypothesis import strategies as st

from scene_language import describe, guess, parse, sample_sentences
from scene_language.colors import COLORS
from scene_language.commands import (
    Add,
    AddAnother,
    All,
    Arrange,
    Between,
    BringBack,
    Camera,
    ChangeShape,
    Delete,
    Here,
    It,
    Match,
    Me,
    Move,
    NewThing,
    OnFloor,
    Query,
    Recolor,
    RelativeTo,
    Resize,
    Rotate,
    Shade,
    Shift,
    Swap,
    The,
    Toward,
    Tower,
    Undo,
)
from scene_language.describe import describe_all
from scene_language.lexicon import MATERIALS, SHAPES, SIZES_M

colors = st.sampled_from(sorted(COLORS))
shapes = st.sampled_from(SHAPES)
lengths = st.integers(1, 200_000).map(lambda tenth_mm: tenth_mm / 10_000)
choices = st.sampled_from(
    (
        *("left", "right", "nearest", "farthest", "biggest", "smallest", "first", "second", "third", "last"),
        *("top", "bottom", "middle"),
    )
)
sizes = st.none() | st.sampled_from(sorted(SIZES_M))
described = st.builds(The, st.none() | shapes, st.none() | colors, sizes, st.none() | choices | st.just("other"))
all_of_a_kind = st.builds(All, st.none() | shapes, st.none() | colors)
everything = (
    all_of_a_kind
    | st.builds(All, st.none(), st.none(), described | st.sampled_from((It(), It(many=True))))
    | st.builds(All, shapes, st.none() | colors, described)
)
references = st.sampled_from((It(), It(many=True), Tower())) | described | everything
anchors = st.just(Me()) | references
user_relations = st.sampled_from(("front", "back", "left", "right", "above", "below", "next_to"))
relations = user_relations | st.sampled_from(("on", "inside"))
places = (
    st.builds(RelativeTo, user_relations, st.just(Me()), st.none() | lengths)
    | st.builds(RelativeTo, relations, references, st.none() | lengths)
    | st.builds(Between, anchors, anchors)
    | st.sampled_from((Here(), OnFloor()))
)
shifts = st.builds(
    Shift, st.sampled_from(("up", "down", "left", "right", "forward", "back")), st.none() | lengths
) | st.builds(Toward, anchors, st.none() | lengths, st.booleans())
things = st.builds(
    NewThing, shapes, st.none() | colors, st.none() | lengths, st.none() | st.sampled_from(MATERIALS)
) | st.builds(NewThing, shapes, st.none() | colors, st.none(), st.none(), st.integers(2, 9))
factors = st.integers(1, 100_000).map(lambda value: value / 10_000)
commands = st.one_of(
    st.builds(Add, things, st.none() | places, st.booleans()),
    st.builds(Arrange, references, st.booleans()),
    st.builds(AddAnother, st.none() | places, references),
    st.builds(Move, references, places | st.tuples(shifts) | st.tuples(shifts, shifts)),
    st.builds(Swap, references, references, st.sampled_from(("place", "color"))),
    st.builds(Match, references, references, st.sampled_from(("size", "color"))),
    st.builds(Camera, st.booleans()),
    st.builds(Resize, references, factors),
    st.builds(Resize, references, st.none(), lengths),
    st.builds(Recolor, references, colors),
    st.builds(Shade, references, st.booleans(), st.booleans()),
    st.builds(ChangeShape, references, shapes),
    st.builds(Rotate, references, st.none() | st.integers(1, 360).map(float)),
    st.builds(Delete, references),
    st.sampled_from((Undo(), Undo(again=True), Undo(everything=True), BringBack(), BringBack(everything=True))),
    st.builds(Query, st.sampled_from(("where", "color", "size", "distance", "shape")), references),
    st.builds(Query, st.just("count"), all_of_a_kind),
    st.builds(Query, st.just("exists"), st.builds(All, shapes, st.none() | colors)),
    st.builds(Query, st.just("which"), st.builds(The, st.none() | shapes, st.none() | colors, st.none(), choices)),
    st.builds(Query, st.just("near"), st.none(), places),
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(commands)
def test_every_command_is_said_in_words_that_mean_it(command):
    assert parse(describe(command)) == [command]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(commands, min_size=2, max_size=3))
def test_several_commands_in_one_sentence_stay_what_they_are(several):
    assert parse(describe_all(several)) == several


def test_what_the_recogniser_learns_is_said_back_the_same():
    for sentence in sample_sentences(100, seed=11):
        meant = parse(sentence)
        assert meant is not None, sentence
        assert parse(describe_all(meant)) == meant, sentence


def test_a_guess_is_said_in_words_that_mean_it():
    for text in ("hoist the blue sphere", "could i get three yellow cubes", "the cube is too big", "trash it all"):
        guessed = guess(text)
        if guessed is not None:
            assert parse(describe_all(guessed.commands)) == guessed.commands
