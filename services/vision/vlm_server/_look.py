"""What can honestly be measured in a picture: coloured regions, light, sharpness, people, QR codes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ("Observation", "Region", "observe")

Picture = NDArray[np.uint8]

# Analysis runs on a small copy: regions of interest are large, and people detectors are slow on big pictures.
_WIDTH_PX = 640
# Trained detectors that ship inside the OpenCV 4 wheel.
_FACES = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
_MIN_SATURATION = 90
_MIN_VALUE = 50
# A region smaller than this share of the picture is noise or not worth a word.
_MIN_AREA_SHARE = 0.004
_MAX_REGIONS = 8
# Upper ends of hue ranges on OpenCV's half-degree circle (0..179).
_HUES = (
    ("red", 8),
    ("orange", 20),
    ("yellow", 34),
    ("green", 85),
    ("cyan", 98),
    ("blue", 130),
    ("purple", 150),
    ("pink", 168),
    ("red", 180),
)
_DARK_BELOW = 50.0
_BRIGHT_ABOVE = 200.0
# Variance of the Laplacian under which a picture of our working size has no crisp edge left.
_BLURRED_BELOW = 15.0

Light = Literal["dark", "normal", "very bright"]


@dataclass(frozen=True, slots=True)
class Region:
    """One evenly coloured region.

    Attributes:
        area: share of the picture, 0..1.
        x, y: centre, 0..1 from the left and from the top.
    """

    color: str
    shape: Literal["round", "square", "triangular", "irregular"]
    area: float
    x: float
    y: float

    @property
    def place(self) -> str:
        """Where it is, in words."""
        across = "on the left" if self.x < 1 / 3 else "on the right" if self.x > 2 / 3 else "in the middle"
        along = " at the top" if self.y < 1 / 4 else " at the bottom" if self.y > 3 / 4 else ""
        return across + along


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything measured in one picture, largest regions first."""

    width: int
    height: int
    regions: tuple[Region, ...]
    light: Light
    is_blurred: bool
    person: Literal["none", "maybe", "likely"]
    codes: tuple[str, ...]


def observe(picture: Picture, *, people: bool = True) -> Observation:
    """Measure ``picture`` ((height, width, 3) BGR); looking for people costs most of the time and can be left out."""
    height, width = picture.shape[:2]
    scale = min(1.0, _WIDTH_PX / width)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
    mean = float(grey.mean())
    return Observation(
        width=width,
        height=height,
        regions=tuple(sorted(_regions(small), key=lambda region: -region.area)[:_MAX_REGIONS]),
        light="dark" if mean < _DARK_BELOW else "very bright" if mean > _BRIGHT_ABOVE else "normal",
        is_blurred=float(cv2.Laplacian(grey, cv2.CV_64F).var()) < _BLURRED_BELOW,
        person=_person(small, grey) if people else "none",
        codes=_codes(picture),
    )


def _regions(picture: Picture) -> Iterator[Region]:
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV)
    low = 0
    for name, high in _HUES:
        mask = cv2.inRange(hsv, (low, _MIN_SATURATION, _MIN_VALUE), (high - 1, 255, 255))
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for contour in contours:
            region = _region(contour, name, picture.shape[1], picture.shape[0])
            if region is not None:
                yield region
        low = high


def _region(contour: cv2.typing.MatLike, color: str, width: int, height: int) -> Region | None:
    area = cv2.contourArea(contour)
    if area < _MIN_AREA_SHARE * width * height:
        return None
    x, y, w, h = cv2.boundingRect(contour)
    return Region(color, _shape(contour, area), area / (width * height), (x + w / 2) / width, (y + h / 2) / height)


def _shape(contour: cv2.typing.MatLike, area: float) -> Literal["round", "square", "triangular", "irregular"]:
    perimeter = cv2.arcLength(contour, True)
    corners = len(cv2.approxPolyDP(contour, 0.03 * perimeter, True))
    roundness = 4 * np.pi * area / perimeter**2
    if corners == 3:
        return "triangular"
    if corners == 4:
        return "square"
    return "round" if roundness > 0.8 else "irregular"


def _person(picture: Picture, grey: Picture) -> Literal["none", "maybe", "likely"]:
    """Two independent detectors: each alone gives false alarms, both together hardly ever do."""
    faces = len(_face_detector().detectMultiScale(grey, 1.1, 5))
    bodies = 0
    # The HOG window is 64 x 128 pixels; a smaller picture cannot hold it.
    if picture.shape[0] >= 128 and picture.shape[1] >= 64:
        bodies = len(_body_detector().detectMultiScale(picture, winStride=(8, 8))[0])
    return "likely" if faces and bodies else "maybe" if faces or bodies else "none"


@cache
def _face_detector() -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(_FACES))


@cache
def _body_detector() -> cv2.HOGDescriptor:
    detector = cv2.HOGDescriptor()
    detector.setSVMDetector(np.array(cv2.HOGDescriptor.getDefaultPeopleDetector()))
    return detector


def _codes(picture: Picture) -> tuple[str, ...]:
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(picture)
    return (text,) if text else ()
