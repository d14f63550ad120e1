/** What the page says is happening now, in words, from the states of its parts. */
import type { AgentStatus } from "./protocol.ts";

export type Connection = "idle" | "connecting" | "connected" | "reconnecting" | "failed";
/** `unknown` until the agent has said something; `absent` when it stayed silent too long. */
export type Agent = AgentStatus | "unknown" | "absent";
export type Mic = "off" | "starting" | "on" | "muted" | "denied" | "missing" | "busy" | "insecure";

export interface Phase {
  readonly tone: "quiet" | "busy" | "ready" | "active" | "problem";
  readonly text: string;
}

const AGENT_PHASES: Record<Exclude<Agent, "idle">, Phase> = {
  unknown: { tone: "busy", text: "Agent loading…" },
  loading: { tone: "busy", text: "Agent loading…" },
  absent: { tone: "problem", text: "The agent is not answering" },
  listening: { tone: "active", text: "Listening…" },
  processing: { tone: "busy", text: "Thinking…" },
  speaking: { tone: "active", text: "Speaking…" },
};

const CONNECTION_PHASES: Record<Exclude<Connection, "connected">, Phase> = {
  idle: { tone: "quiet", text: "Not joined" },
  connecting: { tone: "busy", text: "Connecting…" },
  reconnecting: { tone: "problem", text: "Connection lost, reconnecting…" },
  failed: { tone: "problem", text: "Not connected" },
};

export function phaseOf(connection: Connection, agent: Agent, mic: Mic): Phase {
  if (connection !== "connected") return CONNECTION_PHASES[connection];
  if (agent !== "idle") return AGENT_PHASES[agent];
  return { tone: "ready", text: readyText(mic) };
}

function readyText(mic: Mic): string {
  if (mic === "on") return "Ready: say something";
  if (mic === "muted") return "Ready: microphone muted";
  return "Ready: type a request";
}
