/** The person's microphone: opened on request, muted and unmuted, and honest about why it is not there. */
import { type ClientError, deviceError, insecureContextError } from "../errors.ts";
import type { Mic } from "../phase.ts";
import type { Session } from "../session.ts";
import { AudioMeter } from "./meter.ts";

export interface MicrophoneEvents {
  state(state: Mic, problem: ClientError | null): void;
}

const PROBLEM_STATES: Partial<Record<ClientError["kind"], Mic>> = {
  "mic-denied": "denied",
  "mic-missing": "missing",
  "mic-insecure": "insecure",
};

export class Microphone {
  readonly #events: MicrophoneEvents;
  readonly #meter = new AudioMeter();
  #state: Mic = "off";

  constructor(events: MicrophoneEvents) {
    this.#events = events;
  }

  get state(): Mic {
    return this.#state;
  }

  /** RMS 0..1; 0 while nothing is being sent. */
  get level(): number {
    return this.#state === "on" ? this.#meter.level : 0;
  }

  /** Opens or unmutes. Never throws: without a microphone the session goes on by typing. */
  async open(session: Session): Promise<void> {
    if (!window.isSecureContext || !navigator.mediaDevices) {
      this.#fail(insecureContextError("mic", location));
      return;
    }
    this.#set("starting");
    try {
      const publication = await session.setMicrophone(true);
      const track = publication?.track?.mediaStreamTrack;
      if (!track) throw new DOMException("no track was published", "NotReadableError");
      this.#watch(track);
      this.#set("on");
    } catch (error) {
      this.#fail(deviceError("mic", error));
    }
  }

  async mute(session: Session): Promise<void> {
    await session.setMicrophone(false);
    this.#set("muted");
  }

  /** The session is over; its track ended with it. */
  reset(): void {
    this.#meter.attach(null);
    this.#set("off");
  }

  #watch(track: MediaStreamTrack): void {
    this.#meter.attach(track);
    track.addEventListener("ended", () => {
      // Ended by the device, not by us: it was unplugged or taken away.
      if (this.#state === "on" || this.#state === "muted") {
        this.#fail(deviceError("mic", new DOMException("the microphone went away", "NotFoundError")));
      }
    });
  }

  #fail(problem: ClientError): void {
    this.#meter.attach(null);
    this.#set(PROBLEM_STATES[problem.kind] ?? "busy", problem);
  }

  #set(state: Mic, problem: ClientError | null = null): void {
    this.#state = state;
    this.#events.state(state, problem);
  }
}
