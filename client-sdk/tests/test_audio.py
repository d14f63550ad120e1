"""Arrays, WAV files, mailboxes: what needs no server."""

import asyncio
import wave

import numpy as np
import pytest

from xr_ai_client import read_wav, rms
from xr_ai_client._camera import _frame
from xr_ai_client._mailbox import Mailbox
from xr_ai_client.audio import as_int16


def test_loudness_is_the_same_for_integers_and_floats():
    wave_ = np.sin(np.arange(48_000) * 0.05)
    assert rms(wave_) == pytest.approx(2**-0.5, abs=0.01)
    assert rms((wave_ * 32_767).astype(np.int16)) == pytest.approx(2**-0.5, abs=0.01)
    assert rms(np.zeros(0, np.int16)) == 0.0


def test_floats_are_clipped_rather_than_wrapped():
    assert as_int16(np.array([-2.0, 0.0, 2.0])).tolist() == [-32_767, 0, 32_767]
    with pytest.raises(ValueError, match="mono"):
        as_int16(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="int64"):
        as_int16(np.zeros(2, np.int64))


def test_an_eight_bit_wav_is_refused_by_name(tmp_path):
    path = tmp_path / "old.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8_000)
        file.writeframes(b"\x80" * 10)
    with pytest.raises(ValueError, match=r"old\.wav: 8-bit"):
        read_wav(path)


@pytest.mark.parametrize("picture", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8)])
def test_a_picture_of_another_shape_is_refused(picture):
    with pytest.raises(ValueError, match="height, width, 3"):
        _frame(picture)


def test_a_full_mailbox_keeps_the_newest_and_counts_what_it_lost():
    async def scenario() -> None:
        mailbox: Mailbox[int] = Mailbox(3)
        waiting = asyncio.create_task(anext(mailbox))
        await asyncio.sleep(0)
        mailbox.put(0)
        assert await waiting == 0
        for number in range(1, 6):
            mailbox.put(number)
        mailbox.close()
        assert [item async for item in mailbox] == [3, 4, 5]
        assert mailbox.lost == 2

    asyncio.run(scenario())


def test_a_mailbox_with_a_weight_limit_keeps_the_newest_item_however_heavy():
    async def scenario() -> None:
        mailbox: Mailbox[bytes] = Mailbox(10, len)
        for size in (3, 4, 5, 20, 6, 4):
            mailbox.put(bytes(size))
        mailbox.close()
        assert [len(item) async for item in mailbox] == [6, 4]
        assert mailbox.lost == 4
        mailbox.put(bytes(20))
        assert [len(item) async for item in mailbox] == [20]

    asyncio.run(scenario())
