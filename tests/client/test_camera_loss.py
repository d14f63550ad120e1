"""Opening, closing and leaving after the media server was lost: said in a sentence rather than waited out for ever."""

import asyncio
import secrets

import numpy as np
import pytest
from kit.livekit import LiveKitServer
from kit.processes import own_port
from livekit import rtc

from xr_ai_client import ClientError, ConnectionFailedError, NotPublishedError, Participant
from xr_ai_client import participant as participant_module
from xr_ai_program.testing import eventually

pytestmark = pytest.mark.anyio

PICTURE = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def mortal_server(tmp_path, livekit_binary):
    ports = {"port": own_port(), "udp_port": own_port()}
    key = {"key": "test-key", "secret": secrets.token_hex(32)}
    server = LiveKitServer(livekit_binary, tmp_path, **ports, **key, makes_rooms=True)
    try:
        server.start()
        yield server
    finally:
        server.kill()


async def test_what_is_opened_without_a_media_server_fails_with_a_sentence(mortal_server, monkeypatch):
    monkeypatch.setattr(participant_module, "_ANSWER_MAX_S", 2.0)
    async with await Participant.connect(mortal_server.url, mortal_server.token("alice", "lost")) as alice:
        mortal_server.kill()
        async with asyncio.timeout(60):
            with pytest.raises(ClientError, match="alice") as failure:
                await alice.open_camera(PICTURE)
            if isinstance(failure.value, NotPublishedError):
                assert "leave and join again" in str(failure.value)
            with pytest.raises(ClientError, match="alice"):
                await alice.open_microphone()
        assert not feeders(), "what was not published feeds nobody"


async def test_a_camera_that_cannot_be_unpublished_stops_all_the_same(mortal_server, monkeypatch):
    monkeypatch.setattr(participant_module, "_ANSWER_MAX_S", 1.0)
    async with await Participant.connect(mortal_server.url, mortal_server.token("alice", "lost")) as alice:
        camera = await alice.open_camera(PICTURE)
        assert feeders() == {"camera"}
        mortal_server.kill()
        # From here on the library waits for an answer that cannot come.
        await eventually(lambda: alice._room.connection_state == rtc.ConnectionState.CONN_RECONNECTING)
        async with asyncio.timeout(60):
            with pytest.raises(ConnectionFailedError, match="the camera of alice was not unpublished"):
                await alice.close_camera(camera)
        assert not feeders(), "a camera that was closed goes on"
        await alice.close_camera(camera)  # nothing is left to do


async def test_who_leaves_does_not_wait_for_ever_to_be_let_go(mortal_server, monkeypatch, caplog):
    monkeypatch.setattr(participant_module, "_LEAVE_MAX_S", 0.2)
    alice = await Participant.connect(mortal_server.url, mortal_server.token("alice", "stuck"))
    await alice.open_camera(PICTURE)
    # The library's own answer, withheld: no loss of a server has been found that does so every time.
    disconnect, alice._room.disconnect = alice._room.disconnect, asyncio.Event().wait
    async with asyncio.timeout(60):
        await alice.aclose()
        await alice.wait_disconnected()
    assert not feeders()
    assert "alice left without the media server's answer" in caplog.text
    await disconnect()


def feeders() -> set[str]:
    """The tasks that feed cameras and microphones."""
    return {task.get_name() for task in asyncio.all_tasks()} & {"camera", "microphone"}
