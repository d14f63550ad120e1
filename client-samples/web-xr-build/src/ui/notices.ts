/** One problem at a time, in one sentence, until it is solved or dismissed. */
import type { ClientError } from "../errors.ts";
import { button, element } from "./dom.ts";

export class Notices {
  readonly #box = element("notice", HTMLElement);
  readonly #text = element("notice-text", HTMLElement);
  readonly #close = button("notice-close");
  #kind: ClientError["kind"] | null = null;

  constructor() {
    this.#close.addEventListener("click", () => this.clear());
  }

  show(problem: ClientError): void {
    console.warn(`${problem.kind}: ${problem.message}`, problem.cause ?? "");
    this.#kind = problem.kind;
    this.#text.textContent = problem.message;
    this.#box.dataset["kind"] = problem.kind;
    this.#box.hidden = false;
  }

  /** Takes the notice away when it is of one of these kinds; without any, whatever it is. */
  clear(...kinds: readonly ClientError["kind"][]): void {
    if (kinds.length > 0 && (!this.#kind || !kinds.includes(this.#kind))) return;
    this.#kind = null;
    this.#box.hidden = true;
    this.#text.textContent = "";
  }
}
