"""Scenes: ids, partial changes, limits, and the operations that describe each change, byte for byte."""

import msgpack
import pytest

from render_mcp._scene import MAX_OBJECTS, Scene, SceneError, SceneStore
from render_mcp._wire import encode, encode_sync

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
HERE = (0.0, 1.5, -2.0)


def packed(op: str, **value: object) -> bytes:
    data: bytes = msgpack.packb({"op": op, "value": value}, use_bin_type=True)
    return data


def test_ids_count_per_type_and_are_never_used_twice():
    scene = Scene()
    ids = [scene.add(kind, HERE, RED, 0.1)[0].id for kind in ("sphere", "box", "sphere")]
    scene.remove("sphere-1")
    scene.remove("box-0")
    ids += [scene.add(kind, HERE, RED, 0.1)[0].id for kind in ("sphere", "box")]
    assert ids == ["sphere-0", "box-0", "sphere-1", "sphere-2", "box-1"]


def test_a_scene_that_was_emptied_remembers_its_ids():
    """An undo log may hold an id of before: it must never mean another object."""
    store = SceneStore()
    store.scene_of("alice").add("box", HERE, RED, 0.1)
    store.scene_of("alice").remove("box-0")
    assert store.scene_of("alice").add("box", HERE, RED, 0.1)[0].id == "box-1"


def test_cubes_are_boxes_and_balls_are_spheres():
    scene = Scene()
    assert [scene.add(kind, HERE, RED, 0.1)[0].type for kind in ("cube", "Ball", " BOX ")] == ["box", "sphere", "box"]


@pytest.mark.parametrize("kind", ["cone", "", "sphere-0", "x" * 70_000])
def test_what_cannot_be_drawn_is_refused_with_what_can(kind: str):
    with pytest.raises(SceneError, match="can be drawn: box, sphere") as caught:
        Scene().add(kind, HERE, RED, 0.1)
    assert caught.value.reason == "unsupported_prim_type"


def test_the_wire_bytes_are_the_contracts():
    scene = Scene()
    _, added = scene.add("sphere", HERE, RED, 0.25)
    assert [encode(operation) for operation in added] == [
        packed("scene.add", id="sphere-0", type="sphere", position=[0.0, 1.5, -2.0], color=[1.0, 0.0, 0.0], size=0.25)
    ]
    moved = scene.update("sphere-0", position={"y": 2.5})
    assert [encode(operation) for operation in moved] == [
        packed("scene.update", id="sphere-0", position=[0.0, 2.5, -2.0])
    ]
    scene.add("box", HERE, RED, 0.1)
    assert [encode(operation) for operation in scene.remove("box-0")] == [packed("scene.remove", id="box-0")]
    assert list(encode_sync(scene)) == [
        packed(
            "scene.sync",
            objects=[
                {
                    "id": "sphere-0",
                    "type": "sphere",
                    "position": [0.0, 2.5, -2.0],
                    "color": [1.0, 0.0, 0.0],
                    "size": 0.25,
                }
            ],
        )
    ]


def test_an_update_carries_whole_groups_and_only_the_given_ones():
    scene = Scene()
    scene.add("box", HERE, RED, 0.1)
    assert scene.update("box-0", color={"b": 1.0}, size=0.3) == [
        ("scene.update", {"id": "box-0", "color": [1.0, 0.0, 1.0], "size": 0.3})
    ]
    assert scene.update("box-0") == []
    assert scene.update("box-0", prim_type="cube") == []


def test_a_new_type_keeps_the_id_and_replaces_the_drawing():
    scene = Scene()
    scene.add("sphere", HERE, RED, 0.1)
    operations = scene.update("sphere-0", prim_type="box", size=0.2)
    assert operations == [
        ("scene.remove", {"id": "sphere-0"}),
        ("scene.add", {"id": "sphere-0", "type": "box", "position": list(HERE), "color": list(RED), "size": 0.2}),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size": 0.0}, "invalid_size"),
        ({"size": -1.0}, "invalid_size"),
        ({"color": {"r": 255.0}}, "invalid_color"),
        ({"color": {"g": -0.1}}, "invalid_color"),
        ({"prim_type": "cone", "size": 0.5}, "unsupported_prim_type"),
    ],
)
def test_a_refused_change_changes_nothing(change: dict, reason: str):
    scene = Scene()
    before, _ = scene.add("box", HERE, RED, 0.1)
    with pytest.raises(SceneError) as caught:
        scene.update("box-0", position={"x": 9.0}, **change)
    assert caught.value.reason == reason
    assert list(scene) == [before]


def test_an_unknown_id_is_told_what_there_is():
    scene = Scene()
    scene.add("box", HERE, RED, 0.1)
    for attempt in (lambda: scene.remove("box-7"), lambda: scene.update("box-7", size=1.0)):
        with pytest.raises(SceneError, match="there is: box-0") as caught:
            attempt()
        assert caught.value.reason == "not_found"


def test_a_scene_has_a_limit_and_its_sync_stays_small():
    scene = Scene()
    for _ in range(MAX_OBJECTS):
        scene.add("sphere", (0.1, 0.2, 0.3), (0.1, 0.2, 0.3), 0.1)
    with pytest.raises(SceneError, match="remove some"):
        scene.add("sphere", HERE, RED, 0.1)
    messages = list(encode_sync(scene))
    assert max(map(len, messages)) < 15_000
    first, *rest = [msgpack.unpackb(message) for message in messages]
    ids = [item["id"] for item in first["value"]["objects"]] + [message["value"]["id"] for message in rest]
    assert ids == [item.id for item in scene]


def test_scenes_are_separate_unless_they_are_shared():
    own, shared = SceneStore(), SceneStore(is_shared=True)
    for store in (own, shared):
        store.scene_of("alice").add("box", HERE, RED, 0.1)
    assert (len(own.scene_of("alice")), len(own.scene_of("bob"))) == (1, 0)
    assert len(shared.scene_of("bob")) == 1


def test_scenes_of_people_long_gone_make_room():
    store = SceneStore()
    store.scene_of("alice").add("box", HERE, BLUE, 0.1)
    for number in range(store.max_scenes - 1):
        store.scene_of(f"visitor-{number}")
    assert len(store.scene_of("alice")) == 1
    for number in range(store.max_scenes):
        store.scene_of(f"other-{number}")
    assert len(store.scene_of("alice")) == 0
