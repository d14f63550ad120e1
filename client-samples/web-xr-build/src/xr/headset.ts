/** One immersive session on a headset, real or emulated: entering, its view pose, leaving. */
import { ClientError } from "../errors.ts";
import type { ViewPose } from "../protocol.ts";
import type { SceneView } from "../scene/view.ts";

/** `emulator`: no headset here, but a stand-in can be tried; `insecure`: the browser hides WebXR from plain http. */
export type HeadsetSupport = "headset" | "emulator" | "insecure";

export interface HeadsetEvents {
  started(mode: XRSessionMode): void;
  ended(): void;
  pose(pose: ViewPose): void;
}

// See-through first: objects in the person's own room; opaque headsets take the second.
const MODES = ["immersive-ar", "immersive-vr"] as const;

export async function headsetSupport(xr: XRSystem | undefined = navigator.xr): Promise<HeadsetSupport> {
  if (!window.isSecureContext) return "insecure";
  return (await supportedMode(xr)) ? "headset" : "emulator";
}

async function supportedMode(xr: XRSystem | undefined, modes: readonly XRSessionMode[] = MODES): Promise<XRSessionMode | null> {
  for (const mode of modes) {
    if (await xr?.isSessionSupported(mode).catch(() => false)) return mode;
  }
  return null;
}

export class Headset {
  readonly #view: SceneView;
  readonly #events: HeadsetEvents;
  readonly #overlay: HTMLElement;
  #session: XRSession | null = null;
  #mode: XRSessionMode | null = null;

  /** `overlay` stays visible on handheld see-through devices, so that its Exit button can be reached. */
  constructor(view: SceneView, overlay: HTMLElement, events: HeadsetEvents) {
    this.#view = view;
    this.#overlay = overlay;
    this.#events = events;
  }

  get active(): boolean {
    return this.#session !== null;
  }

  /** Finds out which mode to ask for, ahead of the click: asking later would lose the user's gesture. */
  async prepare(modes: readonly XRSessionMode[] = MODES): Promise<void> {
    this.#mode = await supportedMode(navigator.xr, modes);
  }

  /** Must be called straight from a click. Throws ClientError `xr-failed`. */
  async enter(): Promise<void> {
    if (this.#session) return;
    try {
      const session = await navigator.xr!.requestSession(this.#mode ?? "immersive-vr", {
        requiredFeatures: ["local-floor"],
        optionalFeatures: ["dom-overlay", "hand-tracking"],
        domOverlay: { root: this.#overlay },
      });
      await this.#begin(session);
    } catch (cause) {
      throw new ClientError("xr-failed", `The headset session did not start (${words(cause)}): check the headset and try again.`, {
        cause,
      });
    }
  }

  async exit(): Promise<void> {
    await this.#session?.end();
  }

  async #begin(session: XRSession): Promise<void> {
    this.#session = session;
    session.addEventListener("end", () => {
      this.#session = null;
      this.#view.endSession();
      this.#events.ended();
    });
    this.#view.xr.setReferenceSpaceType("local-floor");
    this.#view.startSession(session.environmentBlendMode !== "opaque", (frame) => this.#report(frame));
    try {
      await this.#view.xr.setSession(session);
    } catch (error) {
      await session.end();
      throw error;
    }
    this.#events.started(this.#mode ?? "immersive-vr");
  }

  #report(frame: XRFrame): void {
    const space = this.#view.xr.getReferenceSpace();
    const viewer = space && frame.getViewerPose(space);
    if (!viewer) return;
    const { position, orientation } = viewer.transform;
    this.#events.pose({
      position: [position.x, position.y, position.z],
      orientation: [orientation.x, orientation.y, orientation.z, orientation.w],
      fovYDeg: verticalFovDeg(viewer.views[0]),
    });
  }
}

/** The angle between a view's upper and lower edge, from its projection. */
function verticalFovDeg(view: XRView | undefined): number {
  const scaleY = view?.projectionMatrix[5] ?? 1;
  const offsetY = view?.projectionMatrix[9] ?? 0;
  const radians = Math.atan((1 + offsetY) / scaleY) + Math.atan((1 - offsetY) / scaleY);
  return Math.round((radians * 180) / Math.PI);
}

const words = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));
