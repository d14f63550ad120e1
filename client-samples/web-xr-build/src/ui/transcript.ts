/** The conversation panel: one element per entry, touched only where something changed. */
import { type ConversationListener, type Entry, type EntryKind } from "./conversation.ts";
import { element } from "./dom.ts";

const SPEAKERS: Record<EntryKind, string> = { you: "You", progress: "Working", agent: "Agent" };
/** Closer to the end than this counts as reading the newest line. */
const FOLLOW_WITHIN_PX = 60;

export class TranscriptView implements ConversationListener {
  readonly #log = element("conversation", HTMLElement);
  readonly #items = new Map<number, HTMLElement>();

  #following = true;
  #height = 0;

  constructor() {
    this.#log.addEventListener("scroll", () => this.#scrolled());
    // A prompt that takes room from the log must not hide its newest line.
    new ResizeObserver(() => this.#resized()).observe(this.#log);
  }

  /** Scroll events of a frame come before its resize events: one that arrives with another height is none of the reader's. */
  #scrolled(): void {
    if (this.#log.clientHeight === this.#height) this.#following = this.#atEnd();
  }

  #resized(): void {
    this.#height = this.#log.clientHeight;
    if (this.#following) this.#toEnd();
  }

  added(entry: Entry): void {
    const item = document.createElement("div");
    this.#items.set(entry.key, item);
    fill(item, entry);
    this.#log.append(item);
    this.#log.dataset["empty"] = "false";
    if (this.#following || entry.kind === "you") this.#toEnd();
  }

  changed(entry: Entry): void {
    const item = this.#items.get(entry.key);
    if (item) fill(item, entry);
    if (this.#following) this.#toEnd();
  }

  removed(entry: Entry): void {
    this.#items.get(entry.key)?.remove();
    this.#items.delete(entry.key);
    if (this.#items.size === 0) this.#log.dataset["empty"] = "true";
  }

  #toEnd(): void {
    this.#following = true;
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #atEnd(): boolean {
    return this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < FOLLOW_WITHIN_PX;
  }
}

function fill(item: HTMLElement, entry: Entry): void {
  item.className = `entry entry-${entry.kind}`;
  item.dataset["testid"] = `entry-${entry.kind}`;
  item.dataset["pending"] = String(entry.pending);
  item.dataset["unsure"] = String(entry.unsure);
  const speaker = document.createElement("span");
  speaker.className = "speaker";
  speaker.textContent = `${SPEAKERS[entry.kind]}: `;
  const words = document.createElement("span");
  words.className = "words";
  words.textContent = entry.text;
  item.replaceChildren(speaker, words);
  if (entry.unsure) {
    const doubt = document.createElement("span");
    doubt.className = "doubt";
    doubt.textContent = "not sure I heard that right";
    item.append(doubt);
  }
}
