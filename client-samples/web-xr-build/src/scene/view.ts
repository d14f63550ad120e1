/** Draws the scene into the page's canvas: on demand when flat, every frame inside a headset session. */
import {
  NeutralToneMapping,
  PerspectiveCamera,
  Quaternion,
  Scene,
  Vector3,
  WebGLRenderer,
} from "three";

import { ClientError } from "../errors.ts";
import type { SceneObject, Vec3, ViewPose } from "../protocol.ts";
import { ObjectLayer } from "./objects.ts";
import { Surroundings } from "./surroundings.ts";

const NEAR_M = 0.05;
const FAR_M = 400;
const MAX_PIXEL_RATIO = 2;
const CAMERA_EASE_MS = 140;

/** Pixels of the canvas that panels cover; the view's centre moves to the middle of the rest. */
export interface Insets {
  readonly right: number;
  readonly bottom: number;
}

export class SceneView {
  readonly #renderer: WebGLRenderer;
  readonly #scene = new Scene();
  readonly #camera: PerspectiveCamera;
  readonly #objects: ObjectLayer;
  readonly #surroundings = new Surroundings();
  readonly #canvas: HTMLCanvasElement;
  readonly #onSettled: (settled: boolean) => void;
  readonly #easeMs: number;
  #insets: Insets = { right: 0, bottom: 0 };
  #ease: { from: Vector3; turn: Quaternion; startMs: number } | null = null;
  readonly #targetPosition = new Vector3();
  readonly #targetTurn = new Quaternion();
  #frameRequested = false;
  #inSession = false;

  /** `onSettled` hears when the picture stops or starts changing. Throws ClientError `no-webgl`. */
  constructor(canvas: HTMLCanvasElement, reducedMotion: boolean, onSettled: (settled: boolean) => void) {
    this.#canvas = canvas;
    this.#onSettled = onSettled;
    this.#easeMs = reducedMotion ? 0 : CAMERA_EASE_MS;
    this.#renderer = createRenderer(canvas);
    this.#camera = new PerspectiveCamera(70, 1, NEAR_M, FAR_M);
    this.#objects = new ObjectLayer(reducedMotion);
    this.#scene.add(this.#surroundings, this.#objects);
    new ResizeObserver(() => this.#resize()).observe(canvas.parentElement ?? canvas);
    this.#resize();
  }

  /** The renderer's side of WebXR. */
  get xr() {
    return this.#renderer.xr;
  }

  show(objects: ReadonlyMap<string, SceneObject>): void {
    this.#objects.show(objects, performance.now());
    this.#requestFrame();
  }

  setPose(pose: ViewPose, smooth: boolean): void {
    this.#targetPosition.set(...pose.position);
    this.#targetTurn.set(...pose.orientation);
    this.#camera.fov = pose.fovYDeg;
    this.#camera.updateProjectionMatrix();
    this.#ease =
      smooth && this.#easeMs > 0
        ? { from: this.#camera.position.clone(), turn: this.#camera.quaternion.clone(), startMs: performance.now() }
        : null;
    this.#requestFrame();
  }

  setInsets(insets: Insets): void {
    if (insets.right === this.#insets.right && insets.bottom === this.#insets.bottom) return;
    this.#insets = insets;
    this.#resize();
  }

  /** Where a point of the scene is on the page, in CSS pixels; null when it is behind the person. */
  project(point: Vec3): readonly [x: number, y: number] | null {
    this.#camera.updateMatrixWorld();
    const seen = new Vector3(...point).applyMatrix4(this.#camera.matrixWorldInverse);
    if (seen.z >= 0) return null;
    seen.applyMatrix4(this.#camera.projectionMatrix);
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return [left + ((seen.x + 1) / 2) * width, top + ((1 - seen.y) / 2) * height];
  }

  /** Hands the canvas to a headset session; `eachFrame` runs before each picture. */
  startSession(seeThrough: boolean, eachFrame: (frame: XRFrame) => void): void {
    this.#inSession = true;
    this.#surroundings.seeThrough = seeThrough;
    this.#surroundings.follow(0, 0);
    this.#renderer.xr.enabled = true;
    this.#renderer.setAnimationLoop((now, frame) => {
      if (frame) eachFrame(frame);
      this.#onSettled(!this.#objects.step(now));
      this.#renderer.render(this.#scene, this.#camera);
    });
  }

  endSession(): void {
    this.#inSession = false;
    this.#renderer.setAnimationLoop(null);
    this.#renderer.xr.enabled = false;
    this.#surroundings.seeThrough = false;
    this.#resize();
  }

  #resize(): void {
    if (this.#inSession) return;
    const { clientWidth: width, clientHeight: height } = this.#canvas.parentElement ?? this.#canvas;
    if (width === 0 || height === 0) return;
    this.#renderer.setPixelRatio(Math.min(window.devicePixelRatio, MAX_PIXEL_RATIO));
    this.#renderer.setSize(width, height, false);
    this.#camera.aspect = width / height;
    // Half of what is covered on one side moves the centre into the middle of what is left.
    this.#camera.setViewOffset(width, height, this.#insets.right / 2, this.#insets.bottom / 2, width, height);
    this.#draw(performance.now());
  }

  #requestFrame(): void {
    if (this.#frameRequested || this.#inSession) return;
    this.#frameRequested = true;
    this.#onSettled(false);
    requestAnimationFrame((now) => {
      this.#frameRequested = false;
      if (!this.#inSession) this.#draw(now);
    });
  }

  #draw(nowMs: number): void {
    const turning = this.#stepCamera(nowMs);
    const moving = this.#objects.step(nowMs);
    this.#surroundings.follow(this.#camera.position.x, this.#camera.position.z);
    this.#renderer.render(this.#scene, this.#camera);
    if (turning || moving) this.#requestFrame();
    else if (!this.#frameRequested) this.#onSettled(true);
  }

  #stepCamera(nowMs: number): boolean {
    const ease = this.#ease;
    const progress = ease ? Math.min(1, Math.max(0, (nowMs - ease.startMs) / this.#easeMs)) : 1;
    if (ease && progress < 1) {
      const eased = 1 - (1 - progress) ** 2;
      this.#camera.position.lerpVectors(ease.from, this.#targetPosition, eased);
      this.#camera.quaternion.slerpQuaternions(ease.turn, this.#targetTurn, eased);
      return true;
    }
    this.#ease = null;
    this.#camera.position.copy(this.#targetPosition);
    this.#camera.quaternion.copy(this.#targetTurn);
    return false;
  }
}

function createRenderer(canvas: HTMLCanvasElement): WebGLRenderer {
  try {
    const renderer = new WebGLRenderer({ canvas, antialias: true, alpha: true, powerPreference: "high-performance" });
    // Keeps a red object red: filmic curves would wash its colour out.
    renderer.toneMapping = NeutralToneMapping;
    renderer.setClearAlpha(0);
    return renderer;
  } catch (cause) {
    throw new ClientError(
      "no-webgl",
      "This browser cannot draw 3D here: turn on hardware acceleration in its settings and reload. Talking works all the same.",
      { cause },
    );
  }
}
