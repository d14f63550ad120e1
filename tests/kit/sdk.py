"""The LiveKit SDK in a process of its own, because it takes the authorities it trusts from its environment."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from kit.agents import Agent
from kit.participants import Client
from kit.processes import WAIT_LIMIT_S
from xr_ai_program.testing import eventually

__all__ = ("talk_over_tls",)

_TESTS = Path(__file__).parents[1]
_HUB = "xr-hub-connector"
_FROM, _TO = b"from the sdk", b"to the sdk"


async def talk_over_tls(authority: Path, admission: dict[str, str], agent: Agent) -> None:
    """Join with an ``admission``, trusting ``authority``; data and sound pass to the ``agent`` and back.

    Raises:
        AssertionError: something of that did not; what the process said is in the message.
    """
    name = admission["identity"]
    talking = asyncio.create_task(asyncio.to_thread(_run, authority, admission))

    def is_heard() -> bool:
        return talking.done() or bool(agent.texts(name) and agent.peak(name) > 0.1)

    await eventually(is_heard, "the sdk is heard", 2 * WAIT_LIMIT_S)  # most of it is the start of the process
    if not talking.done():
        assert agent.texts(name) == [_FROM]
        await agent.tell(name, "agent.response", _TO)
        await agent.say(name, hz=500, seconds=1.0)
    await talking


def _run(authority: Path, admission: dict[str, str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "kit.sdk"],
        input=json.dumps(admission),
        capture_output=True,
        text=True,
        check=False,
        timeout=3 * WAIT_LIMIT_S,
        env=os.environ | {"SSL_CERT_FILE": str(authority), "PYTHONPATH": str(_TESTS)},
    )
    assert ran.returncode == 0, ran.stderr


async def _main() -> None:
    admission = json.load(sys.stdin)
    client = await Client().join(admission["url"], admission["token"])
    await client.publish_tone()
    await client.send(_FROM)
    await eventually(lambda: client.data and client.loud_since(0), "data and sound from the hub")
    assert client.data == [("agent.response", _TO, _HUB)]
    await client.leave()


if __name__ == "__main__":
    asyncio.run(_main())
    # LiveKit's threads call into Python; one that does so while the interpreter is taken down aborts the process.
    os._exit(0)
