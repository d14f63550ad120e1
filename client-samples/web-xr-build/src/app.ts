/** Wires the parts together: what each event of one means for the others. */
import { AgentWatch } from "./agent-watch.ts";
import { ClientError, ProtocolError, asClientError } from "./errors.ts";
import { type PageOptions, claimIdentity } from "./identity.ts";
import { Camera } from "./media/camera.ts";
import { AudioMeter, resumeMeters } from "./media/meter.ts";
import { Microphone } from "./media/microphone.ts";
import type { Connection } from "./phase.ts";
import { type AgentMessage, SENT, type SceneOp, decodeMessage, encodePose, encodeText } from "./protocol.ts";
import { SceneState, describeScene } from "./scene/state.ts";
import type { SceneView } from "./scene/view.ts";
import type { Session, SessionEvents } from "./session.ts";
import { settings } from "./settings.ts";
import type { XrClient } from "./test-surface.ts";
import { Conversation } from "./ui/conversation.ts";
import { element } from "./ui/dom.ts";
import { LevelRing } from "./ui/level.ts";
import { Notices } from "./ui/notices.ts";
import { Page } from "./ui/page.ts";
import { TranscriptView } from "./ui/transcript.ts";
import { PoseSender } from "./view/pose-sender.ts";
import { Viewpoint } from "./view/viewpoint.ts";
import type { XrEntry, XrEvents } from "./xr/entry.ts";

/** Asking for the whole scene again more often than this would only add to what went wrong. */
const RESYNC_INTERVAL_MS = 1000;
const EMPTY = new Uint8Array(0);

export class App {
  readonly page = new Page();
  readonly notices = new Notices();
  readonly viewpoint = new Viewpoint();
  readonly #options: PageOptions;
  readonly #identity: Promise<string>;
  readonly #conversation = new Conversation(new TranscriptView());
  readonly #scene = new SceneState();
  readonly #agentAudio = new AudioMeter();
  readonly #canvas = element("scene", HTMLCanvasElement);
  readonly #preview = element("camera-preview", HTMLVideoElement);
  readonly #watch = new AgentWatch((agent) => this.page.update({ agent }));
  readonly #poses = new PoseSender((pose) => this.#sendQuietly(SENT.pose, encodePose(pose)));
  readonly #microphone = new Microphone({ state: (mic, problem) => this.#microphoneChanged(mic, problem) });
  readonly #level = new LevelRing(element("mic", HTMLElement), () => this.#microphone.level);
  readonly #camera = new Camera({
    state: (camera, problem) => this.#cameraChanged(camera, problem),
    preview: (track) => this.#showPreview(track),
  });
  #session: Session | null = null;
  #view: SceneView | null = null;
  #xr: XrEntry | null = null;
  #code: string | null;
  #microphoneWanted = false;
  #resyncAllowedMs = 0;

  constructor(options: PageOptions) {
    this.#options = options;
    this.#code = options.code;
    this.#identity = claimIdentity(this.#options.identity);
    this.#poses.update(this.viewpoint.pose);
    this.#canvas.setAttribute("aria-label", describeScene([]));
    this.page.update({});
  }

  /** Joins, then opens the microphone unless only typing was asked for. Never throws: problems become notices. */
  async join(withMicrophone: boolean): Promise<void> {
    if (this.page.state.connection === "connecting") return;
    this.notices.clear();
    this.#microphoneWanted = withMicrophone;
    this.page.update({ connection: "connecting" });
    void resumeMeters();
    try {
      const session = await this.#loadSession();
      await session.join(await this.#identity, this.#code);
    } catch (error) {
      if (!(error instanceof ClientError)) {
        const sentence = "The page is incomplete: reload it, and if that does not help, build the web bundle again.";
        this.#connectionChanged("failed", asClientError(error, "hub-unreachable", sentence));
      }
    }
  }

  async joinWithCode(code: string): Promise<void> {
    this.#code = code;
    await this.join(this.#microphoneWanted);
  }

  async leave(): Promise<void> {
    this.#microphoneWanted = false;
    await this.#xr?.exit();
    await this.#session?.leave();
  }

  async toggleMicrophone(): Promise<void> {
    const session = this.#session;
    if (!session || this.#microphone.state === "starting") return;
    this.#microphoneWanted = this.#microphone.state !== "on";
    await this.#attempt(() => (this.#microphoneWanted ? this.#microphone.open(session) : this.#microphone.mute(session)));
  }

  async toggleCamera(): Promise<void> {
    const session = this.#session;
    if (!session || this.#camera.state === "starting") return;
    await this.#attempt(() => (this.#camera.state === "on" ? this.#camera.stop(session) : this.#camera.start(session)));
  }

  /** The person's answer to the agent that wants to look. */
  async answerCamera(allow: boolean): Promise<void> {
    const session = this.#session;
    if (allow && session) await this.#attempt(() => this.#camera.allow(session));
    else this.#camera.decline();
  }

  /** Sends typed text; false when it could not be sent (the person was told). */
  async say(text: string): Promise<boolean> {
    const entry = this.#conversation.typed(text);
    return this.#attempt(async () => this.#session?.send(SENT.text, encodeText(text))).then((sent) => {
      if (!sent) this.#conversation.retract(entry);
      return sent;
    });
  }

  async startPlayback(): Promise<void> {
    await resumeMeters();
    await this.#attempt(async () => this.#session?.startPlayback());
  }

  viewpointChanged(smooth: boolean): void {
    this.#xr?.viewpointChanged();
    if (this.#xr?.active) return; // the headset, real or emulated, reports the pose
    this.#view?.setPose(this.viewpoint.pose, smooth);
    this.#poses.update(this.viewpoint.pose);
  }

  sceneReady(view: SceneView): void {
    this.#view = view;
    view.setPose(this.viewpoint.pose, false);
    view.show(this.#scene.objects);
  }

  xrReady(xr: XrEntry): void {
    this.#xr = xr;
  }

  settled(settled: boolean): void {
    if (this.page.state.settled !== settled) this.page.update({ settled });
  }

  get xrEvents(): XrEvents {
    return {
      support: (headset) => this.page.update({ headset }),
      started: () => {
        this.notices.clear("xr-failed");
        this.page.update({ inXr: true, render: "unknown" });
        this.#sendQuietly(SENT.xrStarted, EMPTY);
      },
      ended: () => {
        this.page.update({ inXr: false });
        this.viewpointChanged(false);
      },
      pose: (pose) => this.#poses.update(pose),
      problem: (problem) => this.notices.show(problem),
    };
  }

  get testSurface(): XrClient {
    const session = () => this.#session;
    return {
      get identity() {
        return session()?.identity ?? null;
      },
      get room() {
        return session()?.roomName ?? null;
      },
      objects: () =>
        [...this.#scene.objects.values()].map((object) => ({ ...object, screen: this.#view?.project(object.position) ?? null })),
      agentAudioLevel: () => this.#agentAudio.level,
      microphoneLevel: () => this.#microphone.level,
      viewPose: () => this.#poses.latest ?? this.viewpoint.pose,
      conversation: () => this.#conversation.entries,
    };
  }

  async #loadSession(): Promise<Session> {
    const { Session } = await import("./session.ts");
    this.#session ??= new Session(this.#sessionEvents);
    return this.#session;
  }

  get #sessionEvents(): SessionEvents {
    return {
      connection: (state, problem) => this.#connectionChanged(state, problem),
      recording: (recording) => this.page.update({ recording }),
      roomLost: () => {
        this.#watch.reset();
        this.#microphone.reset();
        this.#camera.interrupted();
      },
      message: (topic, payload) => this.#receive(topic, payload),
      returnAudio: (track) => this.#agentAudio.attach(track),
      playbackBlocked: (playbackBlocked) => this.page.update({ playbackBlocked }),
    };
  }

  #connectionChanged(connection: Connection, problem: ClientError | null): void {
    this.page.update({ connection });
    if (problem) this.notices.show(problem);
    element("code-form", HTMLElement).hidden = problem?.kind !== "join-code";
    if (problem?.kind === "join-code") element("code", HTMLInputElement).focus();
    if (connection === "connected") {
      this.notices.clear("hub-unreachable", "hub-absent", "media-blocked");
      this.#announce();
    }
    if (connection === "idle" || connection === "failed") {
      this.#watch.reset();
      this.#microphone.reset();
      this.#camera.reset();
      this.page.update({ playbackBlocked: false, recording: false, render: "unknown" });
    }
  }

  /** Tells the hub everything it needs to know about this page; again after each interruption, when it may have forgotten. */
  #announce(): void {
    this.#watch.start();
    this.#sendQuietly(SENT.hello, EMPTY);
    this.#poses.resend();
    if (this.#xr?.active) this.#sendQuietly(SENT.xrStarted, EMPTY);
    if (this.#microphoneWanted && this.#microphone.state === "off") void this.#microphone.open(this.#session!);
  }

  #receive(topic: string, payload: Uint8Array): void {
    try {
      this.#handle(decodeMessage(topic, payload));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      console.warn(`message on "${topic}" ignored: ${error.message}`);
    }
  }

  #handle(message: AgentMessage): void {
    switch (message.kind) {
      case "transcript":
        this.#watch.heard();
        return this.#conversation.heard(message.transcript);
      case "progress":
        this.#watch.heard();
        return this.#conversation.progress(message.text);
      case "response":
        this.#watch.heard();
        return this.#conversation.response(message.text);
      case "status":
        return this.#watch.status(message.status);
      case "poseRequest":
        return this.#poses.resend();
      case "renderReady":
        return this.page.update({ render: "ready" });
      case "renderFailed":
        return this.#rendererFailed(message.reason);
      case "camera":
        return void this.#cameraRequested(message.action);
      case "scene":
        return this.#sceneChanged(message.op);
      case "unknown":
        console.info(`message on unknown topic "${message.topic}" ignored`);
    }
  }

  #sceneChanged(op: SceneOp): void {
    if (this.#scene.apply(op) === "unknown-object") this.#askForScene();
    const { objects } = this.#scene;
    this.#view?.show(objects);
    this.#canvas.setAttribute("aria-label", describeScene(objects.values()));
    this.page.update({ objects: objects.size });
  }

  #askForScene(): void {
    const now = performance.now();
    if (now < this.#resyncAllowedMs) return;
    this.#resyncAllowedMs = now + RESYNC_INTERVAL_MS;
    this.#sendQuietly(SENT.hello, EMPTY);
  }

  #rendererFailed(reason: string): void {
    this.page.update({ render: "failed" });
    // Inside the headset a notice cannot be read, and nothing would be drawn there anyway.
    void this.#xr?.exit();
    const why = reason.trim() ? ` (${reason.trim()})` : "";
    this.notices.show(new ClientError("xr-failed", `The renderer could not start${why}: press Enter XR to try again.`));
  }

  async #cameraRequested(action: "startCamera" | "stopCamera"): Promise<void> {
    const session = this.#session;
    if (!session) return;
    await this.#attempt(() =>
      action === "startCamera"
        ? this.#camera.requestedByAgent(session, settings.cameraAlwaysAllowed)
        : this.#camera.releasedByAgent(session),
    );
  }

  #microphoneChanged(mic: Microphone["state"], problem: ClientError | null): void {
    this.page.update({ mic });
    this.#level.running = mic === "on";
    if (problem) this.notices.show(problem);
    else if (mic === "on") this.notices.clear("mic-denied", "mic-missing", "mic-busy", "mic-insecure");
  }

  #cameraChanged(camera: Camera["state"], problem: ClientError | null): void {
    this.page.update({ camera });
    if (problem) this.notices.show(problem);
    else if (camera === "on") this.notices.clear("camera-denied", "camera-missing", "camera-busy", "camera-insecure");
  }

  #showPreview(track: MediaStreamTrack | null): void {
    this.#preview.srcObject = track ? new MediaStream([track]) : null;
  }

  /** For what is repeated at the next announcement anyway: a failure now is no news to the person. */
  #sendQuietly(topic: string, payload: Uint8Array<ArrayBuffer>): void {
    if (this.page.state.connection !== "connected") return;
    this.#session?.send(topic, payload).catch((error: unknown) => console.warn(`"${topic}" was not sent`, error));
  }

  /** Runs what the person asked for; a failure is shown, and false returned. */
  async #attempt(action: () => Promise<void> | undefined): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      this.notices.show(asClientError(error, "not-connected", "The connection did not take that: wait until it is back, then try again."));
      return false;
    }
  }
}
