/** Mouse, touch and keyboard that move a viewpoint; silent while the person types. */
import { TURN_STEP_DEG, type Viewpoint } from "./viewpoint.ts";

const DRAG_DEG_PER_PX = 0.2;
const WALK_M_PER_S = 1.6;
/** What one tap of a key walks, however short the tap. */
const TAP_M = 0.1;
const PITCH_STEP_DEG = 10;
/** A frame that took longer (a tab in the background) does not catapult the person. */
const MAX_STEP_S = 0.1;

const TURN_KEYS: Record<string, readonly [yawDeg: number, pitchDeg: number]> = {
  ArrowLeft: [TURN_STEP_DEG, 0],
  ArrowRight: [-TURN_STEP_DEG, 0],
  ArrowUp: [0, PITCH_STEP_DEG],
  ArrowDown: [0, -PITCH_STEP_DEG],
};

// By place on the keyboard, not by letter, so that the cluster works on every layout.
const WALK_KEYS: Record<string, readonly [right: number, forward: number]> = {
  KeyW: [0, 1],
  KeyS: [0, -1],
  KeyA: [-1, 0],
  KeyD: [1, 0],
};

/** `smooth`: the change is one step and may be eased; false while it follows a hand or a held key. */
export type ViewpointListener = (smooth: boolean) => void;

export class Controls {
  readonly #viewpoint: Viewpoint;
  readonly #changed: ViewpointListener;
  readonly #held = new Set<string>();
  #lastWalkMs = 0;

  constructor(canvas: HTMLElement, viewpoint: Viewpoint, changed: ViewpointListener) {
    this.#viewpoint = viewpoint;
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#startDrag(canvas, event));
    window.addEventListener("keydown", (event) => this.#keyDown(event));
    window.addEventListener("keyup", (event) => this.#held.delete(event.code));
    window.addEventListener("blur", () => this.#held.clear());
  }

  #startDrag(canvas: HTMLElement, down: PointerEvent): void {
    if (down.button !== 0) return;
    canvas.setPointerCapture(down.pointerId);
    let { clientX, clientY } = down;
    const move = (event: PointerEvent) => {
      if (event.pointerId !== down.pointerId) return;
      // The scene follows the finger: dragging right turns the view left.
      this.#viewpoint.turn((event.clientX - clientX) * DRAG_DEG_PER_PX, (event.clientY - clientY) * DRAG_DEG_PER_PX);
      ({ clientX, clientY } = event);
      this.#changed(false);
    };
    const listening = new AbortController();
    const stop = () => listening.abort();
    const options = { signal: listening.signal };
    canvas.addEventListener("pointermove", move, options);
    canvas.addEventListener("pointerup", stop, options);
    canvas.addEventListener("pointercancel", stop, options);
  }

  #keyDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || ownsKeys(event.target)) return;
    const turn = TURN_KEYS[event.code];
    if (turn) {
      event.preventDefault();
      this.#viewpoint.turn(...turn);
      this.#changed(true);
    } else if (event.code === "KeyR") {
      this.#viewpoint.reset();
      this.#changed(true);
    } else if (WALK_KEYS[event.code] && !this.#held.has(event.code)) {
      this.#startWalking(event.code);
    }
  }

  #startWalking(code: string): void {
    const standing = this.#held.size === 0;
    this.#held.add(code);
    const [right, forward] = WALK_KEYS[code]!;
    this.#viewpoint.walk(right * TAP_M, forward * TAP_M);
    this.#changed(true);
    if (!standing) return;
    this.#lastWalkMs = performance.now();
    requestAnimationFrame((now) => this.#walk(now));
  }

  #walk(nowMs: number): void {
    if (this.#held.size === 0) return;
    const stepS = Math.min(MAX_STEP_S, Math.max(0, (nowMs - this.#lastWalkMs) / 1000));
    this.#lastWalkMs = nowMs;
    let right = 0;
    let forward = 0;
    for (const code of this.#held) {
      const direction = WALK_KEYS[code];
      right += direction?.[0] ?? 0;
      forward += direction?.[1] ?? 0;
    }
    this.#viewpoint.walk(right * WALK_M_PER_S * stepS, forward * WALK_M_PER_S * stepS);
    this.#changed(false);
    requestAnimationFrame((next) => this.#walk(next));
  }
}

/** True inside what needs the keys for itself: text fields, dialogs and scrolling lists. */
function ownsKeys(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable], dialog, [role=log]") !== null;
}
