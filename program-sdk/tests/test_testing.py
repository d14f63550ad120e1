"""The test kit of programs: waiting inside an event loop, and spoken test sentences."""

import io
import wave

import pytest

from xr_ai_program.testing import eventually, flite_wav

pytestmark = pytest.mark.anyio


async def test_eventually_returns_the_first_true_result_of_functions_and_coroutines() -> None:
    looks = 0

    def look() -> str:
        nonlocal looks
        looks += 1
        return "here" if looks == 3 else ""

    async def look_asynchronously() -> str:
        return look()

    assert await eventually(look) == "here"
    looks = 0
    assert await eventually(look_asynchronously) == "here"
    assert looks == 3


async def test_eventually_says_what_did_not_come() -> None:
    with pytest.raises(AssertionError, match=r"not within 0\.05 s: a miracle"):
        await eventually(lambda: False, "a miracle", within_s=0.05)


def test_flite_speaks_in_the_voice_that_is_asked_for() -> None:
    rms, awb = flite_wav("make it blue"), flite_wav("make it blue", "awb")
    assert rms != awb
    with wave.open(io.BytesIO(rms)) as spoken:
        assert (spoken.getnchannels(), spoken.getsampwidth()) == (1, 2)
        assert spoken.getframerate() >= 8000
