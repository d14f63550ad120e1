"""Spoken test sentences: flite's voices (not the agent's own), 48 kHz mono, with a little silence around."""

import hashlib
import subprocess
from pathlib import Path

from xr_ai_program.testing import flite_wav

__all__ = ("spoken",)

# Of the voices at hand the one that the recogniser understood in every measured run.
VOICE = "rms"


def spoken(text: str, folder: Path, *, voice: str = VOICE, lead_in_s: float = 0.2, tail_s: float = 0.2) -> Path:
    """Return a WAV file in ``folder`` in which ``voice`` says ``text``; made once per sentence."""
    name = hashlib.sha256(f"{voice} {lead_in_s} {tail_s} {text}".encode()).hexdigest()[:16]
    path = folder / f"{name}.wav"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = ["-r", "48000", "-c", "1", "-b", "16", path, "gain", "-n", "-6", "pad", str(lead_in_s), str(tail_s)]
        subprocess.run(["sox", "-t", "wav", "-", *made], input=flite_wav(text, voice), check=True)
    return path
