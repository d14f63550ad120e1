"""The words of the demo: shapes, sizes, units, directions and how far "a bit" is."""

__all__ = (
    "CHOICES",
    "DEFAULT_SIZE_M",
    "DIRECTIONS",
    "FACTOR_BIGGER",
    "FACTOR_OF_DEGREE",
    "FACTOR_OF_VERB",
    "MATERIALS",
    "PLURALS",
    "PRIMITIVE_OF_SHAPE",
    "PRONUNCIATIONS",
    "RELATIONS",
    "SHAPES",
    "SIZES_M",
    "STEP_A_BIT_M",
    "STEP_M",
    "UNITS_M",
    "plural",
)

PRIMITIVE_OF_SHAPE = {
    "cube": "box", "box": "box", "block": "box",
    "sphere": "sphere", "ball": "sphere", "globe": "sphere", "orb": "sphere",
    "cylinder": "cylinder", "tube": "cylinder", "cone": "cone", "pyramid": "pyramid",
    "torus": "torus", "donut": "torus",
    "ring": "ring", "plane": "plane", "disk": "disk", "capsule": "capsule", "cuboid": "cuboid",
    "circle": "circle", "square": "square", "triangle": "triangle", "star": "star", "heart": "heart",
}  # fmt: skip
"""Spoken shape → primitive type of the renderer. Which types a renderer draws is the renderer's to say: a cone is a
word here so that the answer can be "I cannot draw a cone" instead of "I did not understand"."""

SHAPES = tuple(PRIMITIVE_OF_SHAPE)
_IRREGULAR_PLURALS = {"box": "boxes", "torus": "toruses"}


def plural(noun: str) -> str:
    """Return the plural of a shape or of "object"."""
    return _IRREGULAR_PLURALS.get(noun, noun + "s")


PLURALS = {plural(shape): shape for shape in SHAPES} | {"tori": "torus"}
"""Plural → singular."""

DEFAULT_SIZE_M = 0.1
"""Half-edge of a cube, radius of a sphere, when none is said."""

SIZES_M = {
    "tiny": 0.05, "small": 0.075, "little": 0.075, "medium": 0.15, "big": 0.3, "large": 0.3, "huge": 1.0, "giant": 1.0,
    "enormous": 1.0,
}  # fmt: skip
"""Size word → half-edge or radius in metres."""

UNITS_M = {
    "meter": 1.0, "meters": 1.0, "metre": 1.0, "metres": 1.0, "m": 1.0,
    "centimeter": 0.01, "centimeters": 0.01, "centimetre": 0.01, "centimetres": 0.01, "cm": 0.01,
    "millimeter": 0.001, "millimeters": 0.001, "mm": 0.001,
    "foot": 0.3048, "feet": 0.3048, "inch": 0.0254, "inches": 0.0254,
}  # fmt: skip

MATERIALS = ("metal", "wooden", "glass", "shiny", "matte", "transparent", "stone")

STEP_M = 0.5
"""How far "move it up" goes when no distance is said."""
STEP_A_BIT_M = 0.2
"""How far "a bit" is."""

RELATIONS = {
    "in front of": "front", "behind": "back", "above": "above", "over": "above", "below": "below", "under": "below",
    "underneath": "below", "beneath": "below", "on": "on", "on top of": "on", "onto": "on", "next to": "next_to",
    "beside": "next_to", "near": "next_to", "close to": "next_to", "inside": "inside", "in": "inside", "into": "inside",
    "inside of": "inside", "to the left of": "left", "on the left of": "left", "left of": "left",
    "to the right of": "right", "on the right of": "right", "right of": "right",
}  # fmt: skip
DIRECTIONS = {
    "up": "up", "upward": "up", "higher": "up", "down": "down", "downward": "down", "lower": "down", "left": "left",
    "right": "right", "forward": "forward", "back": "back", "backward": "back",
}  # fmt: skip
CHOICES = {
    "closest": "nearest", "furthest": "farthest", "largest": "biggest", "newest": "last", "oldest": "first",
    "bigger": "biggest", "larger": "biggest", "smaller": "smallest", "closer": "nearest", "nearer": "nearest",
    "further away": "farthest", "farther away": "farthest", "highest": "top", "lowest": "bottom",
}  # fmt: skip
"""Words that pick one of several objects, where they differ from the name of the choice."""

FACTOR_BIGGER = 1.5
FACTOR_OF_VERB = {
    "double": 2.0, "triple": 3.0, "halve": 0.5, "grow": FACTOR_BIGGER, "enlarge": FACTOR_BIGGER, "up": FACTOR_BIGGER,
    "shrink": 0.6667, "down": 0.6667,
}  # fmt: skip
FACTOR_OF_DEGREE = {
    "a lot": 2.0, "much": 2.0, "a bit": 1.2, "a little": 1.2, "a little bit": 1.2, "slightly": 1.2,
}  # fmt: skip

# ARPAbet of words that the CMU pronouncing dictionary lacks.
PRONUNCIATIONS = {
    "torus": "T AO R AH S",
    "toruses": "T AO R AH S IH Z",
    "tori": "T AO R AY",
    "cuboid": "K Y UW B OY D",
    "cuboids": "K Y UW B OY D Z",
    "recolor": "R IY K AH L ER",
    "resize": "R IY S AY Z",
    "centimeter": "S EH N T AH M IY T ER",
    "centimeters": "S EH N T AH M IY T ER Z",
    "donut": "D OW N AH T",
    "donuts": "D OW N AH T S",
}
