/** The XR button: into a real headset with one click, or a plain word about why not and a way to try without one. */
import { ClientError, asClientError } from "../errors.ts";
import type { ViewPose } from "../protocol.ts";
import type { SceneView } from "../scene/view.ts";
import { button, element } from "../ui/dom.ts";
import type { EmulatedHeadset } from "./emulator.ts";
import { Headset, type HeadsetSupport, headsetSupport } from "./headset.ts";

export interface XrEvents {
  support(support: HeadsetSupport): void;
  started(): void;
  ended(): void;
  pose(pose: ViewPose): void;
  problem(problem: ClientError): void;
}

const EXPLANATIONS: Record<Exclude<HeadsetSupport, "headset">, string> = {
  emulator: "No headset was found here. Open this page in the headset's own browser, or connect one to this computer.",
  insecure: "Browsers give headsets to secure pages only: open this page with https:// instead.",
};

export class XrEntry {
  readonly #events: XrEvents;
  readonly #headset: Headset;
  readonly #stage: HTMLDivElement;
  readonly #viewPose: () => ViewPose;
  readonly #menu = element("xr-menu", HTMLElement);
  readonly #explanation = element("xr-explanation", HTMLElement);
  readonly #tryWithout = button("xr-emulate");
  readonly #button = button("xr");
  #support: HeadsetSupport = "insecure";
  #emulated: EmulatedHeadset | null = null;

  /** `viewPose`: where the flat page looks from, which is where an emulated head begins. */
  constructor(view: SceneView, stage: HTMLDivElement, viewPose: () => ViewPose, events: XrEvents) {
    this.#events = events;
    this.#stage = stage;
    this.#viewPose = viewPose;
    this.#headset = new Headset(view, document.body, {
      started: () => events.started(),
      ended: () => this.#ended(),
      pose: (pose) => events.pose(pose),
    });
    this.#button.addEventListener("click", () => void this.#clicked());
    this.#tryWithout.addEventListener("click", () => void this.#emulate());
    button("xr-menu-close").addEventListener("click", () => this.#closeMenu());
    this.#menu.addEventListener("keydown", (event) => event.key === "Escape" && this.#closeMenu());
    navigator.xr?.addEventListener("devicechange", () => void this.#look());
    void this.#look();
  }

  get active(): boolean {
    return this.#headset.active;
  }

  /** The keyboard and mouse move the emulated head; a real one moves itself. */
  viewpointChanged(): void {
    this.#emulated?.setPose(this.#viewPose());
  }

  exit(): Promise<void> {
    return this.#headset.exit();
  }

  async #look(): Promise<void> {
    this.#support = await headsetSupport();
    await this.#headset.prepare();
    this.#events.support(this.#support);
  }

  async #clicked(): Promise<void> {
    if (this.#headset.active) await this.#headset.exit();
    else if (this.#support === "headset") await this.#enter();
    else this.#toggleMenu(this.#support);
  }

  #toggleMenu(support: Exclude<HeadsetSupport, "headset">): void {
    if (!this.#menu.hidden) {
      this.#closeMenu();
      return;
    }
    this.#explanation.textContent = EXPLANATIONS[support];
    this.#tryWithout.hidden = support === "insecure";
    this.#menu.hidden = false;
    this.#button.setAttribute("aria-expanded", "true");
    (support === "insecure" ? button("xr-menu-close") : this.#tryWithout).focus();
  }

  #closeMenu(): void {
    if (this.#menu.contains(document.activeElement)) this.#button.focus();
    this.#menu.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
  }

  async #emulate(): Promise<void> {
    this.#closeMenu();
    this.#tryWithout.disabled = true;
    try {
      // Fetched only now: hardly anybody needs it.
      const { installEmulator } = await import("./emulator.ts");
      this.#emulated = installEmulator(this.#stage);
      this.#emulated.setPose(this.#viewPose());
      // Without a camera there is no room to see through to: the page's own sky and floor are shown.
      await this.#headset.prepare(["immersive-vr"]);
    } catch (error) {
      this.#events.problem(asClientError(error, "xr-failed", "The stand-in headset could not be loaded: reload the page and try again."));
      return;
    } finally {
      this.#tryWithout.disabled = false;
    }
    await this.#enter();
  }

  async #enter(): Promise<void> {
    try {
      await this.#headset.enter();
    } catch (error) {
      this.#removeEmulator();
      this.#events.problem(asClientError(error, "xr-failed", "The headset session did not start: try again."));
    }
  }

  #ended(): void {
    this.#removeEmulator();
    this.#events.ended();
  }

  #removeEmulator(): void {
    this.#emulated?.uninstall();
    this.#emulated = null;
  }
}
