"""The vision server as its clients meet it: a real process, OpenAI's own client, drawn pictures."""

import base64
from collections.abc import Iterator

import cv2
import numpy as np
import openai
import pytest
from kit.processes import own_port
from numpy.typing import NDArray

from vlm_server._look import observe
from xr_ai_program.testing import running_program

Picture = NDArray[np.uint8]
RED, GREEN, BLUE = (30, 30, 220), (40, 180, 40), (220, 60, 30)


def drawn(*, background: tuple[int, int, int] = (200, 195, 190)) -> Picture:
    """A red square on the left, a blue disc in the middle, a green triangle on the right (BGR)."""
    picture = np.full((720, 1280, 3), background, np.uint8)
    cv2.rectangle(picture, (150, 300), (330, 480), RED, -1)
    cv2.circle(picture, (640, 380), 90, BLUE, -1)
    cv2.fillPoly(picture, [np.array([[950, 470], [1130, 470], [1040, 280]])], GREEN)
    return picture


def data_url(picture: Picture) -> str:
    encoded, png = cv2.imencode(".png", picture)
    assert encoded
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode()


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    port = own_port()
    with running_program("vlm_server", {"port": port}):
        yield openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)


def ask(client: openai.OpenAI, question: str, *urls: str) -> str:
    content = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    reply = client.chat.completions.create(
        model="vlm", messages=[{"role": "user", "content": [*content, {"type": "text", "text": question}]}]
    )
    return reply.choices[0].message.content or ""


def test_coloured_shapes_are_found_with_their_places() -> None:
    regions = {region.color: region for region in observe(drawn(), people=False).regions}
    assert {name: (region.shape, region.place) for name, region in regions.items()} == {
        "red": ("square", "on the left"),
        "blue": ("round", "in the middle"),
        "green": ("triangular", "on the right"),
    }


def test_a_plain_wall_has_no_regions_and_no_person() -> None:
    seen = observe(np.full((480, 640, 3), 128, np.uint8))
    assert (seen.regions, seen.person, seen.is_blurred) == ((), "none", True)


@pytest.mark.parametrize(("level", "light"), [(10, "dark"), (128, "normal"), (250, "very bright")])
def test_light_is_told_in_three_steps(level: int, light: str) -> None:
    assert observe(np.full((120, 160, 3), level, np.uint8), people=False).light == light


def test_the_description_names_what_is_there(client: openai.OpenAI) -> None:
    text = ask(client, "What do you see?", data_url(drawn()))
    assert "red box shape on the left" in text
    assert "blue round shape in the middle" in text
    assert "green triangle on the right" in text


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Is there anything blue?", "I see one blue region, in the middle."),
        ("Is there anything yellow?", "I see no yellow region."),
        ("Which colours are there?", "I see"),
        ("Can you read the text?", "I cannot read text, only QR codes, and I see none."),
        ("Is anybody there?", "I see nobody"),
        ("What are you?", "not a large model"),
    ],
)
def test_questions_get_answers_that_the_picture_supports(client: openai.OpenAI, question: str, expected: str) -> None:
    assert expected in ask(client, question, data_url(drawn()))


def test_a_qr_code_is_read_aloud(client: openai.OpenAI) -> None:
    picture = drawn()
    code = cv2.QRCodeEncoder.create().encode("hello from the wall")
    bordered = cv2.copyMakeBorder(code, 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=(255,))
    large = cv2.resize(bordered, (240, 240), interpolation=cv2.INTER_NEAREST)
    picture[20:260, 520:760] = cv2.cvtColor(large, cv2.COLOR_GRAY2BGR)
    assert "hello from the wall" in ask(client, "What does the code say?", data_url(picture))


def test_a_streamed_answer_is_the_whole_answer(client: openai.OpenAI) -> None:
    content = [
        {"type": "image_url", "image_url": {"url": data_url(drawn())}},
        {"type": "text", "text": "Anything red?"},
    ]
    chunks = client.chat.completions.create(model="vlm", stream=True, messages=[{"role": "user", "content": content}])
    pieces = [chunk.choices[0] for chunk in chunks]
    assert "".join(piece.delta.content or "" for piece in pieces).strip() == "I see one red region, on the left."
    assert pieces[-1].finish_reason == "stop"


@pytest.mark.parametrize(
    ("urls", "reason"),
    [
        ((), "no picture"),
        (("https://example.org/cat.jpg",), "fetches nothing"),
        (("data:image/png;base64,@@@",), "broken base64"),
        (("data:image/png;base64,aGVsbG8=",), "no picture"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_with_the_reason(
    client: openai.OpenAI, urls: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=reason):
        ask(client, "What do you see?", *urls)


def test_the_server_names_itself_for_what_it_is(client: openai.OpenAI) -> None:
    assert [model.owned_by for model in client.models.list()] == ["opencv-classical-vision"]
