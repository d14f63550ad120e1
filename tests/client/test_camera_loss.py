"""A microphone or camera that is opened after the media server was lost says so, rather than wait for ever."""

import asyncio
import secrets

import numpy as np
import pytest
from kit.livekit import LiveKitServer
from kit.processes import free_udp_port

from xr_ai_client import ClientError, NotPublishedError, Participant
from xr_ai_client import participant as participant_module
from xr_ai_program.testing import free_port

pytestmark = pytest.mark.anyio

PICTURE = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def mortal_server(tmp_path, livekit_binary):
    ports = {"port": free_port(), "udp_port": free_udp_port()}
    key = {"key": "test-key", "secret": secrets.token_hex(32)}
    server = LiveKitServer(livekit_binary, tmp_path, **ports, **key, makes_rooms=True)
    server.start()
    yield server
    server.kill()


async def test_what_is_opened_without_a_media_server_fails_with_a_sentence(mortal_server, monkeypatch):
    monkeypatch.setattr(participant_module, "_PUBLISH_MAX_S", 2.0)
    async with await Participant.connect(mortal_server.url, mortal_server.token("alice", "lost")) as alice:
        mortal_server.kill()
        async with asyncio.timeout(60):
            with pytest.raises(ClientError, match="alice") as failure:
                await alice.open_camera(PICTURE)
            if isinstance(failure.value, NotPublishedError):
                assert "leave and join again" in str(failure.value)
            with pytest.raises(ClientError, match="alice"):
                await alice.open_microphone()
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert not names & {"camera", "microphone"}, "what was not published feeds nobody"
