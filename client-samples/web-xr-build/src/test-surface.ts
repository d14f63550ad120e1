/**
 * `window.xrClient`: read-only values for end-to-end tests and the curious.
 *
 * States that a test waits for are attributes of <html> (see ui/page.ts); this adds what attributes cannot hold.
 */
import type { SceneObject, ViewPose } from "./protocol.ts";
import type { Entry } from "./ui/conversation.ts";

export interface XrClient {
  readonly identity: string | null;
  readonly room: string | null;
  /** Objects of the scene; `screen` is the centre in CSS pixels of the page, null when behind the viewer. */
  objects(): readonly (SceneObject & { readonly screen: readonly [number, number] | null })[];
  /** RMS of the agent's voice now, 0..1. */
  agentAudioLevel(): number;
  /** RMS of the microphone now, 0..1. */
  microphoneLevel(): number;
  viewPose(): ViewPose;
  conversation(): readonly Entry[];
}

declare global {
  interface Window {
    readonly xrClient: XrClient;
  }
}

export function exposeClient(client: XrClient): void {
  Object.defineProperty(window, "xrClient", { value: Object.freeze(client), configurable: false });
}
