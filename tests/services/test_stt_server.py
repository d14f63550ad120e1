"""The recogniser as its clients meet it: a real process, OpenAI's own client, sentences spoken by flite."""

import io
import subprocess
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import numpy as np
import pytest
from kit.processes import own_port

from xr_ai_program.testing import flite_wav, running_program

COMMANDS = (
    "put a red cube two meters in front of me",
    "make it blue",
    "delete it",
    "what do you see",
    "add a green sphere to my left",
    "undo that",
    "make it bigger",
    "yes",
)
VOICES = ("rms", "awb", "kal16")


@dataclass(frozen=True)
class Server:
    """The running recogniser."""

    url: str

    def post(self, wav: bytes, **fields: str) -> httpx2.Response:
        files = {"file": ("audio.wav", wav, "audio/wav")}
        return httpx2.post(f"{self.url}/v1/audio/transcriptions", files=files, data=fields, timeout=90)

    def hear(self, wav: bytes, user: str = "") -> dict[str, object]:
        answer = self.post(wav, user=user)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    port = own_port()
    with running_program("stt_server", {"port": port}):
        yield Server(f"http://127.0.0.1:{port}")


def tone(seconds: float, *, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    """A WAV file with a quiet hum."""
    hum = 0.1 * np.sin(2 * np.pi * 110 * np.arange(int(seconds * rate)) / rate)
    samples = (np.repeat(hum, channels) * (2 ** (8 * width - 1) - 1)).astype(f"<i{width}")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as wav:
        wav.setparams((channels, width, rate, 0, "NONE", ""))
        wav.writeframes(samples.tobytes())
    return buffer.getvalue()


def resampled(wav: bytes, folder: Path, *options: str, effects: str = "") -> bytes:
    (folder / "in.wav").write_bytes(wav)
    kind = "flac" if "flac" in options else "wav"
    subprocess.run(["sox", folder / "in.wav", *options, folder / f"out.{kind}", *effects.split()], check=True)
    return (folder / f"out.{kind}").read_bytes()


@pytest.mark.parametrize("voice", VOICES)
def test_commands_are_heard(server: Server, voice: str) -> None:
    heard = {
        text: str(server.hear(flite_wav(text, voice), user=voice)["text"]).replace(" the ", " a ") for text in COMMANDS
    }
    assert heard == {text: text for text in COMMANDS}


def test_a_clear_command_is_believed(server: Server) -> None:
    confidence = server.hear(flite_wav("delete it"), user="clear")["confidence"]
    assert isinstance(confidence, float)
    assert confidence > 0.8


def test_the_first_sentence_of_a_new_voice_is_believed(server: Server, tmp_path: Path) -> None:
    """The mean of the voice is not known yet, and the pauses around the words are not the voice's."""
    padded = resampled(flite_wav(COMMANDS[0], "rms"), tmp_path, effects="gain -n -6 pad 0.3 0.5")
    assert server.hear(padded, user="first")["confidence"] > 0.5  # type: ignore[operator]


def test_free_speech_is_doubted_and_told_as_it_was_said(server: Server) -> None:
    answer = server.hear(flite_wav("I think we should have dinner at seven"), user="free")
    assert answer["confidence"] <= 0.5  # type: ignore[operator]
    assert answer["text"] == "i think we should have dinner at seven"


def test_a_refusal_is_not_heard_as_the_command_it_refuses(server: Server) -> None:
    assert "delete" not in str(server.hear(flite_wav("leave the cube alone please"), user="refusal")["text"])


def test_a_hum_is_nothing(server: Server) -> None:
    answer = server.hear(tone(1.0), user="hum")
    assert answer["confidence"] < 0.5  # type: ignore[operator]


@pytest.mark.parametrize(
    "options", [("-r", "48000"), ("-r", "22050", "-c", "2"), ("-b", "32"), ("-b", "24"), ("-t", "flac")]
)
def test_any_recording_is_understood(server: Server, tmp_path: Path, options: tuple[str, ...]) -> None:
    assert (
        server.hear(resampled(flite_wav("make it blue"), tmp_path, *options), user="formats")["text"] == "make it blue"
    )


def test_the_voice_of_one_user_does_not_disturb_another(server: Server) -> None:
    """Cepstral means are kept per user: ten utterances of a much louder voice change nothing for the first user."""
    first = server.hear(flite_wav("make it blue"), user="alice")
    for _ in range(10):
        server.hear(tone(0.6), user="bob")
    second = server.hear(flite_wav("make it blue"), user="alice")
    assert (first["text"], second["text"]) == ("make it blue", "make it blue")


def test_text_and_verbose_json_are_answered_too(server: Server) -> None:
    wav = flite_wav("delete it")
    assert server.post(wav, response_format="text").text == "delete it"
    verbose = server.post(wav, response_format="verbose_json").json()
    assert verbose["language"] == "english"
    assert verbose["duration"] == pytest.approx(0.8, abs=0.5)


@pytest.mark.parametrize(
    ("wav", "fields", "reason"),
    [
        (b"", {}, "no audio file"),
        (b"OggS and so on", {}, "no audio file"),
        (tone(0.01), {}, "too few"),
        (tone(1.0), {"response_format": "srt"}, "expected one of json, text, verbose_json"),
    ],
)
def test_bad_requests_are_answered_with_the_reason(
    server: Server, wav: bytes, fields: dict[str, str], reason: str
) -> None:
    answer = server.post(wav, **fields)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]["message"]


def test_a_form_without_a_file_is_refused(server: Server) -> None:
    answer = httpx2.post(f"{server.url}/v1/audio/transcriptions", data={"model": "x"}, timeout=10)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")


def test_a_port_in_use_is_one_sentence(server: Server) -> None:
    taken = int(server.url.rpartition(":")[2])
    with (
        pytest.raises(AssertionError, match=f"cannot listen on 127.0.0.1:{taken}"),
        running_program("stt_server", {"port": taken, "corpus_sentences": 100}),
    ):
        pass
