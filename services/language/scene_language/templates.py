"""Ways of asking that the strict grammar does not know, each with the sentence of the language that it means."""

from dataclasses import dataclass

from scene_language._spans import Phrase

__all__ = ("CHAT", "FAMILIES", "Family")


@dataclass(frozen=True)
class Family:
    """Requests that mean the same.

    ``rewrite`` is their strict sentence. Its slots are filled with phrases found in the request, in the order of
    ``slots``, each from what the earlier ones left over; the last colour name that is left fills ``{color}``.
    """

    rewrite: str
    slots: tuple[Phrase | str, ...]
    examples: tuple[str, ...]


FAMILIES = (
    Family("add {thing} {new_place}", ("thing", "new_place"), (
        "stick a red cube in front of me", "i would love a red cube on my left", "could i get a red cube behind me",
        "can i have a red cube here", "let us have a red cube next to the cube",
        "there should be a red cube above the cube", "generate a red cube two meters ahead",
        "two meters in front of me put a red cube", "bring in a red cube on the floor",
        "at a red cube two meters in front of me", "position a red cube between the cube and me",
        "hang a red cube above me",
    )),
    Family("add {thing}", ("thing",), (
        "i would love a red cube", "could i get a red cube", "can i have a red cube", "let us have a red cube",
        "there should be a red cube", "generate a red cube", "make me a red cube", "give us a red cube",
        "bring in a red cube", "at a red cube", "i could use a red cube", "produce a red cube", "get me a red cube",
        "how about a red cube",
    )),
    Family("put {reference} {new_place}", ("new_place", "reference"), (
        "stick the red cube on the cube", "relocate the red cube behind me", "stack the red cube on top of the cube",
        "transfer the red cube to my left", "the red cube should be above the cube",
        "get the red cube next to the cube", "i would like the red cube behind the cube",
        "position the red cube between the cube and me", "have the red cube in front of me",
        "hang the red cube over the cube", "lay the red cube on the floor",
        "take the red cube and put it in front of me", "send the red cube behind the cube",
    )),
    Family("move {reference} {ways}", ("ways", "reference"), (
        "shove the red cube to the left", "nudge the red cube up a bit", "scoot the red cube back",
        "send the red cube two meters up", "get the red cube closer to me", "i would like the red cube further away",
        "take the red cube two meters to the right", "the red cube should go up", "can the red cube go higher",
        "budge the red cube forward", "carry the red cube closer", "the red cube needs to be lower",
    )),
    Family("move {reference} up", ("reference",), (
        "hoist the red cube", "elevate the red cube", "pick up the red cube", "let the red cube rise",
        "pull up the red cube",
    )),
    Family("move {reference} down", ("reference",), (
        "sink the red cube", "let the red cube sink", "let the red cube come down", "the red cube is too high",
        "bring down the red cube",
    )),
    Family("make {reference} bigger", ("reference",), (
        "increase the size of the red cube", "the red cube should be bigger", "blow up the red cube",
        "expand the red cube", "the red cube is too small", "inflate the red cube",
        "i would like the red cube to be larger", "scale up the red cube", "bigger red cube",
    )),
    Family("make {reference} smaller", ("reference",), (
        "reduce the size of the red cube", "the red cube should be smaller", "reduce the red cube",
        "the red cube is too big", "make the red cube tinier", "decrease the red cube", "scale down the red cube",
        "compress the red cube", "make the red cube less big",
    )),
    Family("make {reference} {color}", ("reference", "color"), (
        "dye the cube red", "give the cube a red color", "i would like the cube in red", "the cube should be red",
        "repaint the cube red", "can the cube be red", "let the cube be red", "i want the cube to be red",
        "red for the cube", "make the color of the cube red", "give it a red coat", "turn the cube to red",
    )),
    Family("make it smaller", (), (
        "too big", "that is too big", "it is too big", "way too big", "still too big", "a bit too large",
    )),
    Family("make it bigger", (), (
        "too small", "that is too small", "it is too small", "way too small", "still too small", "a bit too little",
    )),
    Family("put {reference} in a row", ("reference",), (
        "arrange the cubes", "sort the cubes", "align the cubes", "put the cubes in order", "tidy up the cubes",
        "order the cubes",
    )),
    Family("make a tower of {thing}", ("thing",), (
        "stack two cubes", "pile up two cubes", "stack up two cubes on each other", "two cubes on top of each other",
    )),
    Family("delete {reference}", ("reference",), (
        "throw out the red cube", "trash the red cube", "make the red cube disappear", "make the red cube go away",
        "take out the red cube", "discard the red cube", "drop the red cube from the scene", "kill the red cube",
        "take the red cube out of the scene", "the red cube can go", "dispose of the red cube",
        "wipe out the red cube",
    )),
    Family("bring {reference} back", ("reference",), (
        "bring the red cube back", "bring back the red cube", "get the red cube back", "i want the red cube back",
        "restore the red cube", "give me back the red cube",
    )),
    Family("delete everything", (), (
        "reset", "reset everything",
        "wipe the whole scene", "start from scratch", "clean up", "clean the scene", "take it all out",
        "empty everything", "wipe everything", "remove all of the things here",
    )),
    Family("where is {reference}", ("reference",), (
        "i cannot find the red cube", "which way is the red cube", "in which direction is the red cube",
        "find the red cube", "where can i find the red cube", "where did the red cube go", "locate the red cube",
    )),
    Family("what color is {reference}", ("reference",), (
        "tell me the color of the red cube", "which color does the red cube have",
        "what is the color of the red cube",
    )),
    Family("how far away is {reference}", ("reference",), (
        "what is the distance to the red cube", "how many meters to the red cube", "how close is the red cube",
    )),
    Family("what do you see", (), (
        "what is going on around here", "tell me about my surroundings", "what does the camera show",
        "what does it look like here", "what am i wearing", "what is on my desk", "what can you make out",
        "is anybody there", "do you see anybody", "what do i have in my hand",
    )),
    Family("describe the scene", (), (
        "what have we built", "what have i made so far", "give me an overview", "which objects are in the scene",
        "list everything", "tell me what is in the scene", "what is in this scene",
    )),
    Family("undo that", (), (
        "take that back please", "roll that back", "reverse that", "that was a mistake", "put it back the way it was",
        "oops", "undo my last action", "undo the last step", "undo everything", "undo all of it",
    )),
    Family("help", (), (
        "what are you able to do", "what are my options", "how does this work", "what can i ask you",
        "how do i use this", "what should i say", "i need help", "how do i delete something",
        "how do i change the color", "how do i move things", "how can i make something bigger",
    )),
)  # fmt: skip
"""A request is compared with the examples of every family; shapes, colours and numbers are made alike before."""

CHAT = (
    "the weather is nice today", "i like turtles", "tell me a joke", "who won the football game", "play some music",
    "what time is it", "how old are you", "where is my mother", "i am hungry", "call my brother",
    "what is the capital of france", "turn on the light", "set a timer for two minutes", "it is cold in here",
    "good luck with that", "read me the news", "can you sing a song", "i had a red car",
    "what do you think about politics", "my cat is on the table", "open the window", "we should go for a walk",
    "that is a nice cube", "the red cube looks good", "i like the red cube", "the cube is red",
    "cubes are my favorite shape", "what a lovely sphere", "a cube has six sides", "do you like the cube",
)  # fmt: skip
"""What people also say, and what is no request to this program."""
