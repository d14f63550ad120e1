/** The camera, which the agent may ask for and only the person may give. */
import { type ClientError, deviceError, insecureContextError } from "../errors.ts";
import type { Session } from "../session.ts";

/** `asking`: the agent wants to look and the person has not answered yet. */
export type CameraState = "off" | "asking" | "starting" | "on" | "failed";

export interface CameraEvents {
  state(state: CameraState, problem: ClientError | null): void;
  preview(track: MediaStreamTrack | null): void;
}

/** What the camera needs from a session, so that consent can be tested without a room. */
export type CameraSession = Pick<Session, "setCamera">;

const CAPTURE = { facingMode: "environment", resolution: { width: 1280, height: 720, frameRate: 15 } } as const;

export class Camera {
  readonly #events: CameraEvents;
  readonly #hasDevices: () => boolean;
  #state: CameraState = "off";
  /** The person agreed once in this session, or always agrees: the agent need not ask again. */
  #granted = false;
  #startedByAgent = false;
  #ended = new AbortController();

  constructor(events: CameraEvents, hasDevices = () => window.isSecureContext && !!navigator.mediaDevices) {
    this.#events = events;
    this.#hasDevices = hasDevices;
  }

  get state(): CameraState {
    return this.#state;
  }

  /** The agent wants to see: starts when that was agreed, otherwise asks. */
  async requestedByAgent(session: CameraSession, alwaysAllowed: boolean): Promise<void> {
    if (this.#state === "on" || this.#state === "starting") return;
    this.#startedByAgent = true;
    if (this.#granted || alwaysAllowed) await this.#start(session);
    else this.#set("asking");
  }

  /** The agent has seen enough; a camera that the person turned on stays on. */
  async releasedByAgent(session: CameraSession): Promise<void> {
    if (this.#state === "asking") this.#set("off");
    else if (this.#startedByAgent && this.#state === "on") await this.stop(session);
  }

  /** The person said yes to the agent. */
  async allow(session: CameraSession): Promise<void> {
    await this.#start(session);
  }

  /** The person said not now. */
  decline(): void {
    if (this.#state === "asking") this.#set("off");
  }

  /** The person turned it on by themselves. */
  async start(session: CameraSession): Promise<void> {
    this.#startedByAgent = false;
    await this.#start(session);
  }

  async stop(session: CameraSession): Promise<void> {
    this.#ended.abort();
    await session.setCamera(false);
    this.#events.preview(null);
    this.#set("off");
  }

  /** The session is over: a new one starts with the camera off and nothing agreed. */
  reset(): void {
    this.#granted = false;
    this.interrupted();
  }

  /** The connection was replaced: the camera is off until asked for again, the agreement stands. */
  interrupted(): void {
    this.#ended.abort();
    this.#events.preview(null);
    this.#set("off");
  }

  async #start(session: CameraSession): Promise<void> {
    if (!this.#hasDevices()) {
      this.#set("failed", insecureContextError("camera", location));
      return;
    }
    this.#set("starting");
    try {
      const publication = await session.setCamera(true, CAPTURE);
      const track = publication?.track?.mediaStreamTrack;
      if (!track) throw new DOMException("no track was published", "NotReadableError");
      this.#granted = true;
      // The published track is the preview too: a second capture would show something the agent does not see.
      this.#events.preview(track);
      this.#watch(track);
      this.#set("on");
    } catch (error) {
      this.#events.preview(null);
      this.#set("failed", deviceError("camera", error));
    }
  }

  #watch(track: MediaStreamTrack): void {
    this.#ended = new AbortController();
    track.addEventListener(
      "ended",
      () => {
        this.#events.preview(null);
        this.#set("failed", deviceError("camera", new DOMException("the camera went away", "NotFoundError")));
      },
      { signal: this.#ended.signal },
    );
  }

  #set(state: CameraState, problem: ClientError | null = null): void {
    this.#state = state;
    this.#events.state(state, problem);
  }
}
