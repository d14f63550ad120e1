"""The client's files: those in the folder and those it points to, and nothing beside it."""

from pathlib import Path

import aiohttp
import pytest
from kit.web import serving
from prometheus_client import CollectorRegistry

from xr_media_hub.transport.livekit import Admission
from xr_media_hub.web import Clients, MonitorSettings, TokenSettings, WebSettings, create_app

pytestmark = pytest.mark.anyio


async def _admit(identity: str) -> Admission:
    return Admission(identity, "room", "token")


async def test_links_in_the_folder_are_followed_and_paths_out_of_it_are_not(tmp_path: Path) -> None:
    served, elsewhere = tmp_path / "client", tmp_path / "build"
    served.mkdir()
    elsewhere.mkdir()
    (elsewhere / "app.mjs").write_text("export const answer = 42;\n")
    (tmp_path / "secret.txt").write_text("secret")
    (served / "vendor").symlink_to(elsewhere)
    (served / "app.mjs").symlink_to(elsewhere / "app.mjs")
    clients = Clients(())
    monitor = MonitorSettings(lambda: {"status": "ok"}, lambda: "", CollectorRegistry(), ())
    app = create_app(WebSettings(TokenSettings(_admit), monitor, clients, client_dir=served))

    async with serving(app) as url, aiohttp.ClientSession() as session:
        for path in ("/app.mjs", "/vendor/app.mjs"):
            async with session.get(f"{url}{path}") as reply:
                assert (reply.status, reply.content_type) == (200, "text/javascript"), path
                assert "42" in await reply.text()
        for path in ("/%2e%2e/secret.txt", "/vendor/%2e%2e/%2e%2e/secret.txt", "/vendor/%2e%2e/secret.txt"):
            async with session.get(f"{url}{path}") as reply:
                assert reply.status == 404, path
