"""The launcher's own `dataclass` against the standard library's: whatever one does with them, they do the same."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from xr_ai_launcher import _dataclasses as ours
from xr_ai_launcher._stack.plan import RestartPlan, RolePlan


def _classes(library: Any) -> SimpleNamespace:
    @library.dataclass(frozen=True, slots=True)
    class Point:
        x: int
        y: int = 2
        kind: ClassVar[str] = "point"

    @library.dataclass(frozen=True)
    class Named(Point):
        name: str = ""

    @library.dataclass(slots=True)
    class Box:
        items: list[int] = library.field(default_factory=list)
        point: Point = Point(0)

        def __repr__(self) -> str:
            return "box"

    return SimpleNamespace(Point=Point, Named=Named, Box=Box)


@pytest.fixture(params=[dataclasses, ours], ids=["standard", "ours"])
def classes(request: pytest.FixtureRequest) -> SimpleNamespace:
    return _classes(request.param)


def test_values_are_given_by_place_or_name_or_default(classes: SimpleNamespace) -> None:
    point = classes.Point(1)
    assert (point.x, point.y, point.kind) == (1, 2, "point")
    assert classes.Point(x=1, y=3).y == 3
    named = classes.Named(1, 2, "a")
    assert (named.x, named.name) == (1, "a")


WRONG: dict[str, Callable[[Any], object]] = {
    "too few": lambda point: point(),
    "too many": lambda point: point(1, 2, 3),
    "twice": lambda point: point(1, x=1),
    "unknown": lambda point: point(1, z=1),
}


@pytest.mark.parametrize("how", WRONG)
def test_wrong_values_are_type_errors(how: str, classes: SimpleNamespace) -> None:
    with pytest.raises(TypeError):
        WRONG[how](classes.Point)


def test_equal_when_all_values_are(classes: SimpleNamespace) -> None:
    assert classes.Point(1) == classes.Point(1, 2)
    assert classes.Point(1) != classes.Point(2)
    assert classes.Point(1) != classes.Named(1)
    assert classes.Point(1) != (1, 2)


def test_frozen_ones_cannot_change_and_have_a_hash(classes: SimpleNamespace) -> None:
    point = classes.Point(1)
    for change in (lambda: setattr(point, "x", 2), lambda: delattr(point, "x")):
        with pytest.raises(dataclasses.FrozenInstanceError, match="x"):
            change()
    assert {point: "here"}[classes.Point(1, 2)] == "here"
    with pytest.raises(TypeError):
        hash(classes.Box())


def test_each_instance_has_its_own_made_default(classes: SimpleNamespace) -> None:
    box = classes.Box()
    box.items.append(1)
    assert classes.Box().items == []
    assert box.point == classes.Point(0)


def test_text_and_patterns(classes: SimpleNamespace) -> None:
    assert repr(classes.Point(1)).endswith("Point(x=1, y=2)")
    assert repr(classes.Box()) == "box"
    match classes.Point(1, 5):
        case classes.Point(x, y):
            assert (x, y) == (1, 5)


def test_the_standard_functions_know_them(classes: SimpleNamespace) -> None:
    box = classes.Box([1], classes.Point(3))
    assert dataclasses.is_dataclass(box)
    assert [field.name for field in dataclasses.fields(box)] == ["items", "point"]
    assert dataclasses.asdict(box) == {"items": [1], "point": {"x": 3, "y": 2}}
    assert dataclasses.replace(box, items=[2]).items == [2]
    assert dataclasses.fields(classes.Point)[1].default == 2


def test_replaced_values_leave_the_others() -> None:
    box = _classes(ours).Box([1])
    assert ours.replace(box, items=[2]).point is box.point


def test_plans_travel_between_processes() -> None:
    role = RolePlan("web", ("sh",), cwd=None, restart=RestartPlan(limit=2))  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(role)) == role
    assert copy.deepcopy(role) == role
