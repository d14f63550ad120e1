/** The ring around the microphone button that shows how loud the person is. */

const INTERVAL_MS = 80;
/** Speech RMS is around 0.05 to 0.2; the ring is full there. */
const FULL_SCALE_RMS = 0.18;
const STEPS = 12;

/** Draws the level coarsely and only on change, so that silence costs nothing. */
export class LevelRing {
  readonly #element: HTMLElement;
  readonly #level: () => number;
  #timer: ReturnType<typeof setInterval> | null = null;
  #drawn = 0;

  constructor(element: HTMLElement, level: () => number) {
    this.#element = element;
    this.#level = level;
  }

  set running(on: boolean) {
    if (on === (this.#timer !== null)) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = on ? setInterval(() => this.#draw(this.#level()), INTERVAL_MS) : null;
    if (!on) this.#draw(0);
  }

  #draw(rms: number): void {
    const step = Math.round(Math.min(1, Math.sqrt(rms / FULL_SCALE_RMS)) * STEPS);
    if (step === this.#drawn) return;
    this.#drawn = step;
    this.#element.style.setProperty("--level", String(step / STEPS));
  }
}
