/** Sends the view pose when it changed, at most ten times a second, and never loses the last one. */
import type { ViewPose } from "../protocol.ts";

export const MIN_INTERVAL_MS = 100;
/** Below what tracking resolves: a head held still in a headset sends nothing. */
const SAME_POSITION_M = 0.001;
const SAME_ORIENTATION = 0.0005;

export interface Clock {
  now(): number;
  after(ms: number, action: () => void): () => void;
}

const browserClock: Clock = {
  now: () => performance.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};

export class PoseSender {
  readonly #send: (pose: ViewPose) => void;
  readonly #clock: Clock;
  #sent: ViewPose | null = null;
  #latest: ViewPose | null = null;
  #sentAtMs = -Infinity;
  #cancelTimer: (() => void) | null = null;

  constructor(send: (pose: ViewPose) => void, clock: Clock = browserClock) {
    this.#send = send;
    this.#clock = clock;
  }

  get latest(): ViewPose | null {
    return this.#latest;
  }

  /** The pose is now this; it goes out at once or when the interval allows. */
  update(pose: ViewPose): void {
    this.#latest = pose;
    if (this.#cancelTimer || (this.#sent && samePose(pose, this.#sent))) return;
    const waitMs = this.#sentAtMs + MIN_INTERVAL_MS - this.#clock.now();
    if (waitMs <= 0) this.#flush();
    else this.#cancelTimer = this.#clock.after(waitMs, () => this.#flush());
  }

  /** Sends the current pose again, for a hub that may have missed it. */
  resend(): void {
    this.#sent = null;
    if (this.#latest) this.update(this.#latest);
  }

  #flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const pose = this.#latest;
    if (!pose || (this.#sent && samePose(pose, this.#sent))) return;
    this.#sent = pose;
    this.#sentAtMs = this.#clock.now();
    this.#send(pose);
  }
}

export function samePose(a: ViewPose, b: ViewPose): boolean {
  return (
    a.fovYDeg === b.fovYDeg &&
    a.position.every((value, axis) => Math.abs(value - b.position[axis]!) < SAME_POSITION_M) &&
    a.orientation.every((value, axis) => Math.abs(value - b.orientation[axis]!) < SAME_ORIENTATION)
  );
}
