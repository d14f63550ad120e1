/** What was said by whom, in order and bounded: the model behind the conversation panel. */
import type { Transcript } from "../protocol.ts";

export type EntryKind = "you" | "progress" | "agent";

export interface Entry {
  readonly key: number;
  readonly kind: EntryKind;
  readonly text: string;
  /** Typed here and not yet confirmed by the agent, or speech still being heard. */
  readonly pending: boolean;
  /** Heard with doubt: the words may be wrong. */
  readonly unsure: boolean;
}

/** An hour of talking is kept on screen; older lines go, so a page left open for days stays quick. */
export const MAX_ENTRIES = 200;
/** Below this the recogniser itself says that it may be wrong. */
const UNSURE_BELOW = 0.5;

export interface ConversationListener {
  added(entry: Entry): void;
  changed(entry: Entry): void;
  removed(entry: Entry): void;
}

export class Conversation {
  readonly #listener: ConversationListener;
  readonly #maxEntries: number;
  #entries: Entry[] = [];
  #nextKey = 1;

  constructor(listener: ConversationListener, maxEntries = MAX_ENTRIES) {
    this.#listener = listener;
    this.#maxEntries = maxEntries;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** The person sent this by typing; shown at once, confirmed when the agent repeats it. */
  typed(text: string): Entry {
    const entry = this.#add({ kind: "you", text, pending: true, unsure: false });
    this.#unrepeated.push(entry.key);
    return entry;
  }

  /** That typed line could not be sent. */
  retract(entry: Entry): void {
    this.#remove(entry);
  }

  heard({ text, final, confidence, source }: Transcript): void {
    const words = text.trim();
    const unsure = confidence !== null && confidence < UNSURE_BELOW;
    const waiting = source === "voice" ? this.#entries.find((entry) => entry === this.#partial) : this.#takeRepeated(words);
    if (waiting) {
      const settled = this.#change(waiting, { text: words, pending: !final, unsure });
      this.#partial = final ? null : settled;
    } else if (words) {
      const entry = this.#add({ kind: "you", text: words, pending: !final, unsure });
      if (!final && source === "voice") this.#partial = entry;
    }
  }

  progress(text: string): void {
    this.#confirmTyped();
    if (text.trim()) this.#add({ kind: "progress", text: text.trim(), pending: false, unsure: false });
  }

  response(text: string): void {
    this.#confirmTyped();
    if (text.trim()) this.#add({ kind: "agent", text: text.trim(), pending: false, unsure: false });
  }

  /** The speech line that is still growing. */
  #partial: Entry | null = null;

  /** Typed lines that the agent has not repeated: it does when it begins with them, which may be several requests later. */
  #unrepeated: number[] = [];

  #takeRepeated(words: string): Entry | undefined {
    const entry = this.#entries.find(({ key, text }) => this.#unrepeated.includes(key) && text === words);
    this.#unrepeated = this.#unrepeated.filter((key) => key !== entry?.key);
    return entry;
  }

  /** An agent that answers without repeating what was typed has heard it all the same. */
  #confirmTyped(): void {
    const waiting = this.#entries.find((entry) => entry.pending && entry !== this.#partial);
    if (waiting) this.#change(waiting, { pending: false });
  }

  #add(fields: Omit<Entry, "key">): Entry {
    const entry = { key: this.#nextKey++, ...fields };
    this.#entries.push(entry);
    this.#listener.added(entry);
    while (this.#entries.length > this.#maxEntries) this.#remove(this.#entries[0]!);
    return entry;
  }

  #change(entry: Entry, fields: Partial<Omit<Entry, "key">>): Entry {
    const changed = { ...entry, ...fields };
    this.#entries = this.#entries.map((item) => (item === entry ? changed : item));
    this.#listener.changed(changed);
    return changed;
  }

  #remove(entry: Entry): void {
    if (!this.#entries.some((item) => item.key === entry.key)) return;
    this.#entries = this.#entries.filter((item) => item.key !== entry.key);
    this.#unrepeated = this.#unrepeated.filter((key) => key !== entry.key);
    if (this.#partial?.key === entry.key) this.#partial = null;
    this.#listener.removed(entry);
  }
}
