"""A folder of pages for a hub to serve, one of which joins it."""

import shutil
from pathlib import Path

from kit.stack import ROOT

__all__ = ("write_pages",)

_LIVEKIT_CLIENT = ROOT.joinpath(
    *("client-samples", "web-xr-build", "node_modules", "livekit-client", "dist", "livekit-client.esm.mjs")
)
# What a page of anybody's does with this hub: a token, the room, the microphone and the camera, data both ways.
_JOIN_PAGE = """<!doctype html><title>join</title><body><script type="module">
import { Room } from "./livekit-client.esm.mjs";
window.got = []; window.heard = false;
const admission = await (await fetch("/token" + location.search)).json();
const room = new Room();
room.on("dataReceived", (data, who, kind, topic) => got.push([topic, new TextDecoder().decode(data), who?.identity]));
room.on("trackSubscribed", (track) => { document.body.append(track.attach()); window.heard = track.kind === "audio"; });
await room.connect(admission.url, admission.token);
await room.localParticipant.setMicrophoneEnabled(true);
await room.localParticipant.setCameraEnabled(true);
await room.localParticipant.publishData(new TextEncoder().encode("from the page"), { reliable: true });
window.url = admission.url;
</script>"""


def write_pages(folder: Path) -> None:
    """Fill ``folder`` with files of the kinds that browsers are particular about, and join.html."""
    (folder / "index.html").write_text("<!doctype html><title>client</title>")
    (folder / "app.mjs").write_text("export const answer = 42;\n")
    (folder / "scene.wasm").write_bytes(b"\0asm")
    (folder / "big.bin").write_bytes(bytes(range(256)) * 8192)
    (folder / "join.html").write_text(_JOIN_PAGE)
    assert _LIVEKIT_CLIENT.is_file(), f"no {_LIVEKIT_CLIENT}: run the setup, which installs what the page is built of"
    shutil.copy(_LIVEKIT_CLIENT, folder)
