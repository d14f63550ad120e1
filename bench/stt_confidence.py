"""Calibrate the recogniser's confidence: commands and other sentences, spoken by flite's voices, against thresholds.

    .venv/bin/python bench/stt_confidence.py [--snr 20]      # about 2 minutes on 2 cores; needs flite and sox

For each threshold of the log posterior it prints how many commands that were heard right stay below it (they are asked
about needlessly) and how many sentences above it would do something that was not asked for (misheard commands, and
other sentences that were heard as a command). The constants of `stt_server._recognizer` come from this table.
"""

import argparse
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from scene_language import PRONUNCIATIONS, parse, sample_sentences
from scene_language.commands import is_edit
from stt_server._recognizer import Recognizer
from xr_ai_program.testing import flite_wav

VOICES = ("rms", "awb", "slt", "kal16")
COMMANDS = (
    "put a red cube two meters in front of me", "put a red cube in front of me", "add a green sphere to my left",
    "put a blue ball on top of it", "make it blue", "make it bigger", "make it twice as big", "make the cube green",
    "move it up a bit", "move it half a meter to the left", "move the red cube closer to me", "delete it",
    "delete the green sphere", "delete everything", "remove the blue cube", "undo that", "yes", "no", "stop",
    "what do you see", "what is in front of me", "where is the red cube", "how many cubes are there",
    "describe the scene", "add three yellow spheres", "add another one", "put the sphere next to the cube",
    "put a small white ball behind me", "make the ball red and move it to the right", "what color is the sphere",
)  # fmt: skip
OTHERS = (
    "I think we should have dinner at seven", "the weather is nice today", "can you pass me the salt please",
    "who won the football game yesterday", "I left my keys on the kitchen table", "call me back when you have time",
    "this train is always late on monday", "turn down the music please", "my brother lives in another city",
    "do you want some more coffee", "he said it was not a good idea", "let us go for a walk in the park",
    "we need to buy bread and butter", "open the window it is hot in here", "I have to finish this report today",
    "what time does the movie start", "she moved to a new house last year", "put the dishes in the sink",
    "the children are playing in the garden", "please remember to lock the door",
    # Remarks in the language's own words: the hardest ones to tell from commands.
    "do not delete it", "I like the red cube", "that is a nice sphere", "the red cube looks good",
    "leave the cube alone", "I did not say delete it", "the blue sphere was there yesterday", "never move the cube",
    "she deleted the cube", "who made the cube red", "do you like the green sphere", "I had a red car",
)  # fmt: skip
_RATE_HZ = 16_000


@dataclass(frozen=True)
class Heard:
    """One utterance: the command ear's log posterior, and whether it meant what was said."""

    text: str
    voice: str
    reading: str
    log_posterior: float
    is_right: bool

    @property
    def would_act(self) -> bool:
        """Whether the reading would change the scene."""
        return any(is_edit(command) for command in parse(self.reading) or ())


def speech(text: str, voice: str, snr_db: float | None) -> bytes:
    """Return the sentence as 16 kHz mono s16le with the silence that a voice detector leaves around it, and noise."""
    raw = ["-r", str(_RATE_HZ), "-c", "1", "-b", "16", "-e", "signed", "-t", "raw", "-"]
    sox = ["sox", "-t", "wav", "-", *raw, "gain", "-n", "-6", "pad", "0.3", "0.5"]
    pcm = subprocess.run(sox, input=flite_wav(text, voice), check=True, capture_output=True).stdout
    if snr_db is None:
        return pcm
    clean = np.frombuffer(pcm, np.int16).astype(np.float64)
    loudness = np.sqrt(np.mean(clean[clean != 0] ** 2))
    noise = np.random.default_rng(0).normal(0.0, loudness / 10 ** (snr_db / 20), clean.size)
    return np.clip(clean + noise, -32768, 32767).astype(np.int16).tobytes()


def hear(recognizer: Recognizer, texts: Iterable[str], voices: Iterable[str], snr_db: float | None) -> list[Heard]:
    """Let the command ear listen to every sentence by every voice, each voice with its own adaptation."""
    found = []
    for voice in voices:
        for text in texts:
            readings, log_posterior = recognizer.listen(speech(text, voice, snr_db), user=voice)
            reading = next((each for each in readings if parse(each) is not None), "")
            meant = parse(text)
            is_right = meant is not None and parse(reading) == meant
            found.append(Heard(text, voice, reading, log_posterior, is_right))
    return found


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the figures are this program's output


def main() -> None:
    """Print one line per utterance if asked, then the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", nargs="+", default=VOICES)
    parser.add_argument("--snr", type=float, metavar="DB", help="add white noise this far below the speech")
    parser.add_argument("--each", action="store_true", help="print every utterance")
    options = parser.parse_args()
    recognizer = Recognizer(sample_sentences(10_000, seed=0), PRONUNCIATIONS, lambda text: parse(text) is not None)
    commands = hear(recognizer, COMMANDS, options.voices, options.snr)
    others = hear(recognizer, OTHERS, options.voices, options.snr)
    if options.each:
        for item in sorted([*commands, *others], key=lambda item: item.log_posterior):
            mark = "right" if item.is_right else "WRONG" if item.would_act else "     "
            _say(f"{item.log_posterior:8.2f} {mark} {item.voice:6} {item.text!r} -> {item.reading!r}")
    right = [item.log_posterior for item in commands if item.is_right]
    wrong = [item.log_posterior for item in commands if not item.is_right and item.would_act]
    remarks = [item.log_posterior for item in others if item.would_act]
    _say(f"{len(commands)} commands, {len(right)} heard right; {len(wrong)} misheard as another change")
    _say(f"{len(others)} other sentences, {len(remarks)} heard as a change")
    _say("threshold  asked needlessly  misheard carried out  others carried out")
    for threshold in range(-16, 0):
        asked = sum(value < threshold for value in right) / max(1, len(right))
        misheard = sum(value >= threshold for value in wrong) / len(commands)
        acted = sum(value >= threshold for value in remarks) / len(others)
        _say(f"{threshold:9d}  {asked:16.1%}  {misheard:20.1%}  {acted:18.1%}")


if __name__ == "__main__":
    main()
