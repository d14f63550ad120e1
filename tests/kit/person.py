"""A person at the page: a real headless Chromium, spoken or typed requests, eyes on the canvas, ears on the replies."""

import base64
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from kit.browsers import FLAGS, find_chromium
from kit.speech import spoken

__all__ = ("AUDIBLE", "OpenTurn", "Person", "Turn", "browser", "person")

_FLAGS = (
    *FLAGS,
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
_VIEWPORT = {"width": 1280, "height": 800}
# A turn is speech end + 0.8 s of silence + recognition + a few model calls; the rest is for a busy machine.
TURN_DEADLINE_S = 30.0
_POLL_MS = 30
_SILENCE_MS = 500
AUDIBLE = 0.01
"""Peak RMS of a voice; silence is below 1e-4."""

# The microphone becomes a WebAudio destination, so that the test chooses the moment at which somebody speaks; the
# page's own capture call, Opus, the SFU and the jitter buffer stay real. Between sentences there is true silence.
_MICROPHONE_SCRIPT = """(() => {
  let context, destination;
  const ready = () => {
    context ??= new AudioContext({ sampleRate: 48000 });
    destination ??= context.createMediaStreamDestination();
    return context.resume();
  };
  const devices = navigator.mediaDevices, original = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    if (!wanted.audio) return original(wanted);
    await ready();
    const stream = new MediaStream([destination.stream.getAudioTracks()[0].clone()]);
    if (wanted.video) (await original({ video: wanted.video })).getVideoTracks().forEach((t) => stream.addTrack(t));
    return stream;
  };
  window.speakIntoMicrophone = async (wav) => {
    await ready();
    const bytes = Uint8Array.from(atob(wav), (c) => c.charCodeAt(0));
    const source = context.createBufferSource();
    source.buffer = await context.decodeAudioData(bytes.buffer);
    source.connect(destination);
    source.start(context.currentTime + 0.1);
    await new Promise((done) => { source.onended = done; });
  };
})()"""

# The loudest the return track has been since the last reset, and when it was last heard, sampled every 10 ms.
_EARS_SCRIPT = f"""(() => {{
  window.loudestReply = 0;
  window.lastHeard = -Infinity;
  setInterval(() => {{
    const level = window.xrClient?.agentAudioLevel?.() ?? 0;
    if (level > window.loudestReply) window.loudestReply = level;
    if (level > {AUDIBLE}) window.lastHeard = performance.now();
  }}, 10);
}})()"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the page."""

    page: Page
    voices: Path

    @property
    def name(self) -> str:
        """The participant id under which the hub knows this person."""
        identity: str = self.page.evaluate("window.xrClient.identity")
        return identity

    def join(self) -> None:
        """Press "Join & talk" and return when the agent is ready to listen."""
        self.page.get_by_test_id("join").click()
        self.wait_for("document.documentElement.dataset.connection === 'connected'")
        self.wait_for("document.documentElement.dataset.agent === 'idle'")
        # The microphone opens just after the connection; a sentence spoken before would be lost.
        self.wait_for("!['off', 'starting'].includes(document.documentElement.dataset.mic)")

    def wait_for(self, condition: str) -> None:
        """Return once the JavaScript expression holds.

        Asked again and again from here: the page's content security policy forbids the evaluation inside it that
        Playwright's own waiting needs.

        Raises:
            AssertionError: it did not within `TURN_DEADLINE_S`; the state of the page is in the message.
        """
        deadline = time.monotonic() + TURN_DEADLINE_S
        while not self.page.evaluate(condition):
            if time.monotonic() > deadline:
                state = self.page.evaluate("JSON.stringify({...document.documentElement.dataset})")
                raise AssertionError(f"not within {TURN_DEADLINE_S} s: {condition}\n{state}\n{self.conversation()}")
            self.page.wait_for_timeout(_POLL_MS)

    def say(self, text: str, *, voice: str = "rms") -> None:
        """Begin to speak a sentence into the microphone; it goes on while this returns."""
        wav = base64.b64encode(spoken(text, self.voices, voice=voice).read_bytes()).decode()
        self.page.evaluate("wav => { window.speakIntoMicrophone(wav); }", wav)

    def type(self, text: str) -> None:
        """Type a request and send it."""
        box = self.page.get_by_test_id("text")
        box.fill(text)
        box.press("Enter")

    def turn(self, act: Callable[[], None]) -> "Turn":
        """Do ``act`` (say or type something); return what came of it once the agent replied and is idle again."""
        return self.begin(act).end()

    def begin(self, act: Callable[[], None] = lambda: None) -> "OpenTurn":
        """Do ``act`` without waiting for what comes of it; without an ``act``, just listen."""
        # The end of the last reply may still sound although the agent is idle.
        self.wait_for(f"performance.now() - window.lastHeard > {_SILENCE_MS}")
        before = len(self.conversation())
        self.page.evaluate("window.loudestReply = 0")
        act()
        return OpenTurn(self, before)

    def conversation(self) -> list[dict[str, Any]]:
        """The lines of the conversation panel, oldest first."""
        lines: list[dict[str, Any]] = self.page.evaluate("window.xrClient.conversation()")
        return lines

    def objects(self) -> list[dict[str, Any]]:
        """The objects that the page draws."""
        found: list[dict[str, Any]] = self.page.evaluate("window.xrClient.objects()")
        return found

    def pixel_at(self, screen: Sequence[float]) -> NDArray[np.float64]:
        """The colour that is really on the screen around a point (CSS pixels): mean RGB 0..255 of 9 x 9 pixels."""
        x, y = round(screen[0]), round(screen[1])
        return self.picture()[y - 4 : y + 5, x - 4 : x + 5].reshape(-1, 3).mean(axis=0)

    def picture(self) -> NDArray[np.uint8]:
        """The page as it is on the screen, (height, width, 3) RGB."""
        return np.asarray(Image.open(BytesIO(self.page.screenshot())).convert("RGB"))

    def turn_view(self, degrees: int) -> None:
        """Turn the view by a multiple of 15°, positive to the right, as a person does with the arrow keys."""
        self.page.get_by_test_id("scene").focus()
        for _ in range(abs(degrees) // 15):
            self.page.keyboard.press("ArrowRight" if degrees > 0 else "ArrowLeft")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one request led to.

    Attributes:
        heard: the person's words as the page shows them.
        loudest: peak RMS of the agent's voice in the page; speech is above `AUDIBLE`.
    """

    heard: str
    progress: tuple[str, ...]
    reply: str
    loudest: float


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A request that is under way; ``before`` is the number of lines that the conversation had."""

    person: Person
    before: int

    def end(self) -> Turn:
        """Return what came of it once the agent's reply stands there and sounds, and it is idle again."""
        replied = f"window.xrClient.conversation().slice({self.before}).some((entry) => entry.kind === 'agent')"
        self.person.wait_for(replied)
        self.person.wait_for(f"window.loudestReply > {AUDIBLE}")
        self.person.wait_for("document.documentElement.dataset.agent === 'idle'")
        return self.so_far()

    def so_far(self) -> Turn:
        """Return what came of it until now."""
        lines = self.person.conversation()[self.before :]
        return Turn(
            heard=" ".join(line["text"] for line in lines if line["kind"] == "you"),
            progress=tuple(line["text"] for line in lines if line["kind"] == "progress"),
            reply=" ".join(line["text"] for line in lines if line["kind"] == "agent"),
            loudest=self.person.page.evaluate("window.loudestReply"),
        )


@contextmanager
def browser(playwright: Playwright) -> Iterator[Browser]:
    """A headless Chromium of the system."""
    chromium = playwright.chromium.launch(executable_path=find_chromium(), args=list(_FLAGS))
    try:
        yield chromium
    finally:
        chromium.close()


@contextmanager
def person(chromium: Browser, url: str, voices: Path) -> Iterator[Person]:
    """A person who has opened ``url`` in a window of their own but not joined yet."""
    context: BrowserContext = chromium.new_context(
        ignore_https_errors=True, viewport=_VIEWPORT, permissions=["microphone", "camera"]
    )
    context.add_init_script(_MICROPHONE_SCRIPT)
    context.add_init_script(_EARS_SCRIPT)
    page = context.new_page()
    page.set_default_timeout(TURN_DEADLINE_S * 1000)
    page.goto(url)
    try:
        yield Person(page, voices)
    finally:
        context.close()
