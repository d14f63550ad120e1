/** What the page shows for each state: words, buttons and the data-* attributes that tests and styles read. */
import type { CameraState } from "../media/camera.ts";
import type { HeadsetSupport } from "../xr/headset.ts";
import { type Agent, type Connection, type Mic, phaseOf } from "../phase.ts";
import { button, element } from "./dom.ts";

export interface PageState {
  connection: Connection;
  agent: Agent;
  mic: Mic;
  camera: CameraState;
  headset: HeadsetSupport | "unknown";
  inXr: boolean;
  objects: number;
  render: "unknown" | "ready" | "failed";
  settled: boolean;
  playbackBlocked: boolean;
  recording: boolean;
}

export const INITIAL_STATE: PageState = {
  connection: "idle",
  agent: "unknown",
  mic: "off",
  camera: "off",
  headset: "unknown",
  inXr: false,
  objects: 0,
  render: "unknown",
  settled: false,
  playbackBlocked: false,
  recording: false,
};

const MIC_LABELS: Record<Mic, string> = {
  off: "Turn on microphone",
  starting: "Starting microphone",
  on: "Mute microphone",
  muted: "Unmute microphone",
  denied: "Microphone blocked: try again",
  missing: "No microphone: try again",
  busy: "Microphone busy: try again",
  insecure: "Microphone needs https: try again",
};

export class Page {
  readonly #root = document.documentElement;
  readonly #status = element("status", HTMLElement);
  readonly #statusText = element("status-text", HTMLElement);
  readonly #recordingText = element("recording-text", HTMLElement);
  readonly #join = button("join");
  readonly #joinText = button("join-text");
  readonly #mic = button("mic");
  readonly #camera = button("camera");
  readonly #xr = button("xr");
  readonly #xrLabel = element("xr-label", HTMLElement);
  readonly #text = element("text", HTMLInputElement);
  readonly #send = button("send");
  readonly #cameraPrompt = element("camera-prompt", HTMLElement);
  readonly #playback = button("playback");
  readonly #leave = button("leave");
  readonly #state: PageState = { ...INITIAL_STATE };
  /** The button that the keyboard was on when joining began. */
  #joinedWith: HTMLButtonElement | null = null;

  get state(): Readonly<PageState> {
    return this.#state;
  }

  update(change: Partial<PageState>): void {
    const before = this.#state.connection;
    const focused = document.activeElement;
    Object.assign(this.#state, change);
    this.#publish();
    this.#showStatus();
    this.#showButtons();
    if (this.#state.connection !== before) this.#keepFocus(focused);
  }

  /** States as attributes of <html>: styles and tests read them, scripts of the page do not. */
  #publish(): void {
    const { connection, agent, mic, camera, headset, inXr, objects, recording, render, settled } = this.#state;
    const values = {
      connection,
      agent: connection === "connected" ? agent : "unknown",
      mic,
      camera,
      headset,
      xr: inXr ? "active" : "inactive",
      objects: String(objects),
      recording: String(recording),
      render,
      settled: String(settled),
    };
    for (const [name, value] of Object.entries(values)) {
      if (this.#root.dataset[name] !== value) this.#root.dataset[name] = value;
    }
  }

  /** Buttons that go take the keyboard's place with them: it goes on where the person is now. */
  #keepFocus(focused: Element | null): void {
    const { connection } = this.#state;
    if (connection === "connecting") this.#joinedWith = [this.#join, this.#joinText].find((button) => button === focused) ?? null;
    if (connection === "connected" && this.#joinedWith) {
      (this.#joinedWith === this.#join ? this.#mic : this.#text).focus({ preventScroll: true });
      this.#joinedWith = null;
    }
    if (connection === "failed") this.#joinedWith?.focus({ preventScroll: true });
    if (connection === "idle" && focused === this.#leave) this.#join.focus({ preventScroll: true });
  }

  #showStatus(): void {
    const { connection, agent, mic, recording } = this.#state;
    const phase = phaseOf(connection, agent, mic);
    this.#status.dataset["tone"] = phase.tone;
    write(this.#statusText, phase.text);
    write(this.#recordingText, recording ? "Recording" : "");
  }

  #showButtons(): void {
    const { connection, mic, camera, playbackBlocked } = this.#state;
    const connected = connection === "connected";
    this.#join.disabled = this.#joinText.disabled = connection === "connecting";
    this.#send.disabled = !connected;
    // Whoever is typing when the connection drops keeps their words and their place.
    this.#text.readOnly = !connected;
    this.#text.placeholder = connected ? "Type a request" : "Waiting for the connection…";
    this.#mic.disabled = this.#camera.disabled = !connected;
    this.#mic.setAttribute("aria-disabled", String(mic === "starting"));
    this.#camera.setAttribute("aria-disabled", String(camera === "starting"));
    label(this.#mic, MIC_LABELS[mic]);
    this.#mic.setAttribute("aria-pressed", String(mic === "on"));
    label(this.#camera, camera === "on" ? "Turn off camera" : "Turn on camera");
    this.#camera.setAttribute("aria-pressed", String(camera === "on"));
    this.#cameraPrompt.hidden = camera !== "asking";
    this.#playback.hidden = !playbackBlocked;
    this.#showXr();
  }

  #showXr(): void {
    const { headset, inXr } = this.#state;
    const text = inXr ? "Exit XR" : headset === "headset" ? "Enter XR" : "XR";
    write(this.#xrLabel, text);
    this.#xr.setAttribute("aria-label", inXr ? "Exit XR" : headset === "headset" ? "Enter XR" : "XR options");
  }
}

/** Screen readers repeat what is written again, changed or not. */
function write(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

function label(target: HTMLElement, text: string): void {
  target.setAttribute("aria-label", text);
  target.title = text;
}
