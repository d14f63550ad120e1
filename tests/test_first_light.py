"""A spoken or typed sentence edits the scene: the whole stack, a real browser, nothing in between replaced."""

import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from kit.person import AUDIBLE, OpenTurn, Person, Turn, person
from kit.stack import DEMO_URL, RunningStack
from kit.tools import scene_of
from playwright.sync_api import Browser

from xr_ai_launcher.testing import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PUT = "put a red cube two meters in front of me"
ADD = "add a green sphere to my left"
EYE_HEIGHT_M = 1.6
RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)

Request = Callable[[str], Turn]


def by_voice(visitor: Person) -> Request:
    return lambda text: visitor.turn(lambda: visitor.say(text))


def by_hand(visitor: Person) -> Request:
    return lambda text: visitor.turn(lambda: visitor.type(text))


def only_object(visitor: Person) -> dict[str, object]:
    objects = scene_of(visitor.name)
    assert len(objects) == 1, objects
    return objects[0]


def assert_at(found: dict[str, object], x: float, y: float, z: float) -> None:
    position = found["position"]
    assert isinstance(position, dict)
    assert [position["x"], position["y"], position["z"]] == pytest.approx([x, y, z], abs=0.02)


def assert_color(found: dict[str, object], color: tuple[float, float, float]) -> None:
    rgb = found["color"]
    assert isinstance(rgb, dict)
    assert [rgb["r"], rgb["g"], rgb["b"]] == pytest.approx(color, abs=0.02)


def wait_until_drawn(visitor: Person, channel: int) -> None:
    """Wait until the page shows one object whose pixels are dominated by ``channel`` (0 red, 2 blue)."""
    visitor.wait_for("window.xrClient.objects().length === 1 && window.xrClient.objects()[0].screen")
    deadline_tries = 100
    for _ in range(deadline_tries):
        pixel = visitor.pixel_at(visitor.objects()[0]["screen"])
        others = [pixel[other] for other in range(3) if other != channel]
        if pixel[channel] > 90 and pixel[channel] > 2 * max(others):
            return
        visitor.page.wait_for_timeout(50)
    raise AssertionError(f"the object is not drawn in its colour: RGB {pixel}")


@pytest.mark.parametrize("ask", [by_voice, by_hand])
def test_a_cube_is_put_made_blue_and_deleted(visitor: Person, ask: Callable[[Person], Request]) -> None:
    visitor.join()
    request = ask(visitor)

    put = request(PUT)
    assert "red cube two meters in front of me" in put.heard
    assert put.progress, "no acknowledgement or progress line"
    cube = only_object(visitor)
    assert cube["type"] == "box"
    assert_at(cube, 0.0, EYE_HEIGHT_M, -2.0)
    assert_color(cube, RED)
    wait_until_drawn(visitor, channel=0)
    assert "red" in put.reply.lower()
    assert put.loudest > AUDIBLE

    blue = request("make it blue")
    assert_color(only_object(visitor), BLUE)
    wait_until_drawn(visitor, channel=2)
    assert "blue" in blue.reply.lower()
    assert blue.loudest > AUDIBLE

    deleted = request("delete it")
    assert scene_of(visitor.name) == []
    visitor.wait_for("window.xrClient.objects().length === 0")
    assert any(word in deleted.reply.lower() for word in ("deleted", "removed"))
    assert deleted.loudest > AUDIBLE


def test_ahead_means_ahead_of_the_turned_view(visitor: Person) -> None:
    visitor.join()
    visitor.turn_view(90)
    visitor.wait_for("Math.abs(window.xrClient.viewPose().orientation[1]) > 0.7")
    by_voice(visitor)(PUT)
    assert_at(only_object(visitor), 2.0, EYE_HEIGHT_M, 0.0)
    wait_until_drawn(visitor, channel=0)


def assert_left_alone(listening: OpenTurn) -> None:
    """What somebody else asked for is neither read nor heard here."""
    got = listening.so_far()
    assert (got.heard, got.progress, got.reply) == ("", (), "")
    assert got.loudest < AUDIBLE


def test_two_people_have_scenes_and_replies_of_their_own(demo: RunningStack, chromium: Browser, voices: Path) -> None:
    with person(chromium, DEMO_URL, voices) as alice, person(chromium, DEMO_URL, voices) as bob:
        alice.join()
        bob.join()
        assert alice.name != bob.name
        bob_listens = bob.begin()
        put = by_hand(alice)(PUT)
        assert put.loudest > AUDIBLE
        assert len(scene_of(alice.name)) == 1, put
        assert_left_alone(bob_listens)
        assert (scene_of(bob.name), bob.objects()) == ([], [])

        alice_listens = alice.begin()
        added = by_hand(bob)(ADD)
        assert added.loudest > AUDIBLE
        assert [item["type"] for item in scene_of(bob.name)] == ["sphere"], added
        assert_left_alone(alice_listens)
        assert [item["type"] for item in scene_of(alice.name)] == ["box"]
        assert len(alice.objects()) == 1


@pytest.mark.parametrize("act", [Person.type, Person.say], ids=["typing", "speaking"])
def test_two_people_at_once_get_each_their_own_reply(
    demo: RunningStack, chromium: Browser, voices: Path, act: Callable[[Person, str], None]
) -> None:
    wanted = {"alice": (PUT, "box", "red"), "bob": (ADD, "sphere", "green")}
    with person(chromium, DEMO_URL, voices) as alice, person(chromium, DEMO_URL, voices) as bob:
        people = {"alice": alice, "bob": bob}
        for each in people.values():
            each.join()
        begun = {who: each.begin(partial(act, each, wanted[who][0])) for who, each in people.items()}
        turns = {who: turn.end() for who, turn in begun.items()}
        for who, (_, kind, color) in wanted.items():
            other = next(value[2] for key, value in wanted.items() if key != who)
            turn = turns[who]
            assert [item["type"] for item in scene_of(people[who].name)] == [kind], turn
            assert color in turn.heard.lower()
            assert color in turn.reply.lower()
            assert other not in f"{turn.heard} {turn.reply}".lower()
            assert turn.loudest > AUDIBLE, turn


def test_what_is_asked_about_the_scene_is_answered_from_the_scene(visitor: Person) -> None:
    visitor.join()
    request = by_hand(visitor)
    assert "no" in request("how many cubes are there").reply.lower()
    request(PUT)
    told = request("what do you see in the scene").reply
    assert told == "In the scene there is a red cube."
    assert math.isclose(only_object(visitor)["position"]["z"], -2.0, abs_tol=0.02)  # type: ignore[index]


def test_looking_around_asks_for_the_camera_and_does_not_wait_for_it(visitor: Person) -> None:
    visitor.join()
    request = by_hand(visitor)
    request(PUT)
    blind = request("what do you see")
    assert blind.reply.startswith("Your camera is off, so I only see the scene: a red cube 2 meters ahead.")
    visitor.page.get_by_test_id("camera-allow").click()
    visitor.wait_for("document.documentElement.dataset.camera === 'on'")
    wait_for(lambda: _pictures_of(visitor), "the first picture at the hub")
    seeing = request("what do you see").reply
    assert "camera is off" not in seeing
    assert seeing.endswith("In the scene there is a red cube.")
    assert len(seeing) > len("In the scene there is a red cube.")


def test_the_camera_is_turned_on_and_off_by_asking(visitor: Person) -> None:
    visitor.join()
    request = by_hand(visitor)
    assert request("turn on the camera").reply == "Press Allow on the page, and I can see."
    visitor.page.get_by_test_id("camera-allow").click()
    visitor.wait_for("document.documentElement.dataset.camera === 'on'")
    wait_for(lambda: _pictures_of(visitor), "the first picture at the hub")
    assert request("camera on").reply == "Your camera is on already: ask me what I see."
    assert request("turn off the camera").reply == "Your camera is off."
    visitor.wait_for("document.documentElement.dataset.camera === 'off'")


def _pictures_of(person: Person) -> int:
    """How many the hub has had; on a busy machine the first takes its time behind the page's own "on"."""
    facts = person.page.request.get(f"{DEMO_URL}/health").json()
    return int(facts["participants"][person.name]["video_frames"])


def test_a_request_that_cannot_be_met_is_refused_and_changes_nothing(visitor: Person) -> None:
    visitor.join()
    request = by_hand(visitor)
    reply = request("delete the green sphere").reply.lower()
    assert "green" in reply or "nothing" in reply or "empty" in reply
    chat = request("who won the football game yesterday").reply.lower()
    assert scene_of(visitor.name) == []
    assert chat


def test_mumbling_is_said_to_be_one_and_changes_nothing(visitor: Person) -> None:
    visitor.join()
    reply = by_voice(visitor)("I think we should have dinner at seven").reply
    assert re.search("not sure that I heard|did not understand|do not understand|not sound like a request", reply), (
        reply
    )
    assert scene_of(visitor.name) == []


def test_the_demo_prints_the_address_of_its_page(demo: RunningStack, visitor: Person) -> None:
    printed = re.findall(r"^xrstack +│ hub: (\S+)$", demo.output, re.MULTILINE)
    assert "https://localhost:8080/" in printed
    visitor.page.goto(printed[-1])
    assert visitor.page.get_by_test_id("join").is_visible()


def test_without_a_microphone_the_page_says_so_and_typing_works(
    demo: RunningStack, chromium: Browser, voices: Path
) -> None:
    with person(chromium, DEMO_URL, voices) as visitor:
        visitor.page.evaluate(
            """() => {
                const denied = () => Promise.reject(new DOMException("no", "NotAllowedError"));
                navigator.mediaDevices.getUserMedia = denied;
            }"""
        )
        visitor.join()
        notice = visitor.page.get_by_test_id("notice-text").inner_text()
        assert "microphone" in notice.lower()
        by_hand(visitor)(PUT)
        assert len(scene_of(visitor.name)) == 1
