"""From a question and what was measured to one or two true sentences."""

import re
from collections import Counter

from vlm_server._look import Observation, Region

__all__ = ("SELF_DESCRIPTION", "answer")

SELF_DESCRIPTION = "I am a small classical vision program, not a large model: I see colours, light, people and codes."

_PEOPLE = re.compile(r"\b(person|people|anyone|anybody|someone|somebody|man|woman|face|who)\b")
_LIGHT = re.compile(r"\b(dark|bright|light|lit)\b")
_SHARPNESS = re.compile(r"\b(blurr?y|blurred|sharp|focus)\b")
_CODE = re.compile(r"\b(qr|code|barcode|scan)\b")
_TEXT = re.compile(r"\b(read|text|says?|written|writing)\b")
_COUNT = re.compile(r"\bhow many\b")
_COLOR = re.compile(r"\b(colou?rs?)\b")
_SELF = re.compile(r"\b(what|who) are you\b|\bwhich model\b")
_COLOR_NAMES = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
_ARTICLE_AN = ("orange", "irregular")
_LISTED = 3


def answer(question: str, seen: Observation) -> str:
    """Answer ``question`` (English) about one picture; what cannot be measured is said to be so."""
    asked = question.lower()
    if _SELF.search(asked):
        return SELF_DESCRIPTION
    if _CODE.search(asked) or (_TEXT.search(asked) and seen.codes):
        return f"The code says: {seen.codes[0]}" if seen.codes else "I see no QR code I could read."
    if _TEXT.search(asked):
        return "I cannot read text, only QR codes, and I see none."
    if _SHARPNESS.search(asked):
        return "The picture is blurred." if seen.is_blurred else "The picture is sharp."
    if _PEOPLE.search(asked):
        return _people(seen)
    if _LIGHT.search(asked):
        return _light(seen)
    if _COUNT.search(asked) or _named_color(asked):
        return _count(asked, seen)
    if _COLOR.search(asked):
        return _colors(seen)
    return _describe(seen)


def _describe(seen: Observation) -> str:
    parts: list[str] = []
    if seen.regions:
        parts.append("I see " + _join([_name(region) + " " + region.place for region in seen.regions[:_LISTED]]))
    if seen.person != "none":
        parts.append("I think there is a person" if seen.person == "likely" else "there may be a person")
    if seen.codes:
        parts.append(f"there is a QR code that says {seen.codes[0]}")
    if not parts:
        parts.append("I see nothing with a clear colour")
    if seen.light != "normal":
        parts.append(f"the picture is {seen.light}")
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "."


def _people(seen: Observation) -> str:
    if seen.person == "likely":
        return "I think I see a person."
    if seen.person == "maybe":
        return "There may be a person, but I am not sure."
    return "I see nobody, though I only recognise people who face the camera or stand upright."


def _light(seen: Observation) -> str:
    return "The light is normal." if seen.light == "normal" else f"It is {seen.light}."


def _count(asked: str, seen: Observation) -> str:
    color = _named_color(asked)
    regions = [region for region in seen.regions if color is None or region.color == color]
    what = f"{color} region" if color else "coloured region"
    if not regions:
        return f"I see no {what}."
    if len(regions) == 1:
        return f"I see one {what}, {regions[0].place}."
    return f"I see {len(regions)} {what}s: " + _join([region.place for region in regions[:_LISTED]]) + "."


def _colors(seen: Observation) -> str:
    counted = Counter[str]()
    for region in seen.regions:
        counted[region.color] += 1
    if not counted:
        return "I see no clear colours."
    largest_first = dict.fromkeys(region.color for region in seen.regions)
    return "I see " + _join(list(largest_first)) + "."


def _named_color(asked: str) -> str | None:
    return next((name for name in _COLOR_NAMES if re.search(rf"\b{name}\b", asked)), None)


def _name(region: Region) -> str:
    words = [
        region.color,
        {"square": "box shape", "round": "round shape", "triangular": "triangle"}.get(region.shape, "area"),
    ]
    article = "an" if words[0] in _ARTICLE_AN else "a"
    return " ".join([article, *words])


def _join(items: list[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]
