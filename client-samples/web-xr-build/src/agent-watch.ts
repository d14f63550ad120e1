/** Notices an agent that says nothing: someone who talks to nobody should be told. */
import type { Agent } from "./phase.ts";
import type { AgentStatus } from "./protocol.ts";

/** The slowest agent that loads models says `loading` long before this. */
export const SILENCE_LIMIT_MS = 20_000;

export class AgentWatch {
  readonly #changed: (agent: Agent) => void;
  #agent: Agent = "unknown";
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(changed: (agent: Agent) => void) {
    this.#changed = changed;
  }

  /** The page is in the room and waits for the agent's first word. */
  start(): void {
    if (this.#agent !== "unknown" && this.#agent !== "absent") return;
    this.#stopTimer();
    this.#timer = setTimeout(() => this.#set("absent"), SILENCE_LIMIT_MS);
  }

  status(status: AgentStatus): void {
    this.#stopTimer();
    this.#set(status);
  }

  /** The agent did something, so it is there even if it never told its status. */
  heard(): void {
    this.#stopTimer();
    if (this.#agent === "unknown" || this.#agent === "absent") this.#set("idle");
  }

  /** The session is over or new: nothing is known any more. */
  reset(): void {
    this.#stopTimer();
    this.#set("unknown");
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #set(agent: Agent): void {
    this.#agent = agent;
    this.#changed(agent);
  }
}
