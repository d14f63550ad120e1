/** Delivers messages in the order they were sent per topic, although a large one takes longer to arrive. */

type Deliver = (topic: string, payload: Uint8Array) => void;

export class MessageLanes {
  readonly #deliver: Deliver;
  /** The last unfinished delivery of each topic on which a large message is under way. */
  readonly #lanes = new Map<string, Promise<void>>();

  constructor(deliver: Deliver) {
    this.#deliver = deliver;
  }

  /** A message that is whole. */
  packet(topic: string, payload: Uint8Array): void {
    if (this.#lanes.has(topic)) this.#queue(topic, () => Promise.resolve(payload));
    else this.#deliver(topic, payload);
  }

  /** A message whose parts are still coming; one that breaks off is dropped with a warning. */
  stream(topic: string, parts: Promise<readonly Uint8Array[]>): void {
    // Handled here as well, because its turn may come long after it broke off.
    const whole = parts.then(joined).catch((cause: unknown) => {
      console.warn(`a large message on "${topic}" broke off`, cause);
      return null;
    });
    this.#queue(topic, () => whole);
  }

  #queue(topic: string, read: () => Promise<Uint8Array | null>): void {
    const before = this.#lanes.get(topic) ?? Promise.resolve();
    const done = before.then(read).then((payload) => {
      if (this.#lanes.get(topic) === done) this.#lanes.delete(topic);
      if (payload) this.#deliver(topic, payload);
    });
    this.#lanes.set(topic, done);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
