"""The speech server as its clients meet it: a real process, OpenAI's own client, audible sound."""

import io
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openai
import pytest
from kit.processes import own_port

from xr_ai_program.testing import running_program


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    port = own_port()
    with running_program("tts_server", {"port": port}):
        yield openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)


def speak(client: openai.OpenAI, text: str, *, voice: str = "alloy", **options: object) -> bytes:
    answer = client.audio.speech.create(
        model="espeak-ng", voice=voice, input=text, **{"response_format": "wav", **options}
    )
    return answer.content


def samples(wav_bytes: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(wav_bytes)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, 22050)
        return np.frombuffer(wav.readframes(wav.getnframes()), "<i2") / 32768


def same_sound(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether length and level agree: espeak-ng varies its voice a little from one utterance to the next."""
    level, other_level = np.sqrt((one**2).mean()), np.sqrt((other**2).mean())
    return abs(len(one) - len(other)) < 0.04 * len(one) and abs(level - other_level) < 0.1 * level


def test_speech_is_audible_and_as_long_as_a_sentence(client: openai.OpenAI) -> None:
    audio = samples(speak(client, "I placed a red cube two meters in front of you."))
    assert 1.5 < len(audio) / 22050 < 6
    assert np.sqrt((audio**2).mean()) > 0.03


def test_pcm_is_the_wav_without_its_header(client: openai.OpenAI) -> None:
    pcm = np.frombuffer(speak(client, "Hello there.", response_format="pcm"), "<i2") / 32768
    assert same_sound(pcm, samples(speak(client, "Hello there.")))


def test_faster_speech_is_shorter(client: openai.OpenAI) -> None:
    text = "This sentence is spoken twice, at two different speeds."
    assert len(speak(client, text, speed=2.0)) < 0.8 * len(speak(client, text))


def test_another_voice_sounds_different(client: openai.OpenAI) -> None:
    hello = samples(speak(client, "Hello there.", voice="en-us"))
    assert same_sound(hello, samples(speak(client, "Hello there.", voice="en-us")))
    assert not same_sound(hello, samples(speak(client, "Hello there.", voice="de")))


def test_blank_text_gives_a_valid_silent_file(client: openai.OpenAI) -> None:
    assert len(samples(speak(client, "  "))) == 0


def test_an_unknown_voice_is_refused_by_name(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="no voice 'xx-none'"):
        speak(client, "Hello.", voice="xx-none")


def test_a_request_without_text_names_the_field(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="input"):
        client.post("/audio/speech", body={"voice": "alloy"}, cast_to=object)


def test_requests_at_the_same_time_do_not_mix(client: openai.OpenAI) -> None:
    texts = ["One.", "Now there are two of them.", "And here comes a third sentence, which is longer than both."] * 2
    alone = [samples(speak(client, text)) for text in texts]
    with ThreadPoolExecutor(len(texts)) as pool:
        together = [samples(wav) for wav in pool.map(lambda text: speak(client, text), texts)]
    assert all(same_sound(one, other) for one, other in zip(alone, together, strict=True))
