/** Starts the page: buttons first, then the scene and the rest as their code arrives. */
import { App } from "./app.ts";
import { ClientError } from "./errors.ts";
import { pageOptions } from "./identity.ts";
import { settings } from "./settings.ts";
import { exposeClient } from "./test-surface.ts";
import { button, element } from "./ui/dom.ts";
import { watchInsets } from "./ui/layout.ts";
import { Controls } from "./view/controls.ts";
import { XrEntry } from "./xr/entry.ts";

const options = pageOptions(location.search);
const app = new App(options);

connectButtons();
connectComposer();
exposeClient(app.testSurface);
document.documentElement.dataset["page"] = "ready";
performance.mark("page-ready");
// Both are needed soon; neither may delay the first click.
void import("./session.ts");
void startScene();
if (options.autojoin) void app.join(true);

function connectButtons(): void {
  button("join").addEventListener("click", () => void app.join(true));
  button("join-text").addEventListener("click", () => void app.join(false));
  button("leave").addEventListener("click", () => void app.leave());
  button("mic").addEventListener("click", () => void app.toggleMicrophone());
  button("camera").addEventListener("click", () => void app.toggleCamera());
  button("camera-allow").addEventListener("click", () => void app.answerCamera(true));
  button("camera-decline").addEventListener("click", () => void app.answerCamera(false));
  button("playback").addEventListener("click", () => void app.startPlayback());
  const always = element("camera-always", HTMLInputElement);
  always.checked = settings.cameraAlwaysAllowed;
  always.addEventListener("change", () => (settings.cameraAlwaysAllowed = always.checked));
}

function connectComposer(): void {
  const text = element("text", HTMLInputElement);
  const say = async (words: string) => {
    if (words && !(await app.say(words)) && !text.value) text.value = words;
  };
  element("composer", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    if (text.readOnly) return;
    const words = text.value.trim();
    text.value = "";
    void say(words);
  });
  for (const hint of document.querySelectorAll<HTMLButtonElement>("[data-testid=hint]")) {
    hint.addEventListener("click", () => void say(hint.textContent?.trim() ?? ""));
  }
  element("code-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    const code = element("code", HTMLInputElement).value.trim();
    if (code) void app.joinWithCode(code);
  });
}

async function startScene(): Promise<void> {
  const canvas = element("scene", HTMLCanvasElement);
  const reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  new Controls(canvas, app.viewpoint, (smooth) => app.viewpointChanged(smooth));
  try {
    const { SceneView } = await import("./scene/view.ts");
    const view = new SceneView(canvas, reducedMotion, (settled) => app.settled(settled));
    watchInsets(element("foreground", HTMLElement), (insets) => view.setInsets(insets));
    app.sceneReady(view);
    app.xrReady(new XrEntry(view, element("stage", HTMLDivElement), () => app.viewpoint.pose, app.xrEvents));
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    app.notices.show(error);
  }
}
