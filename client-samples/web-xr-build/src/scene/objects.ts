/** One mesh per scene object, eased from what it was to what it is, with a soft shadow on the floor below it. */
import {
  type BufferGeometry,
  CanvasTexture,
  Color,
  Group,
  Mesh,
  MeshBasicMaterial,
  MeshStandardMaterial,
  PlaneGeometry,
  SRGBColorSpace,
  SphereGeometry,
  Vector3,
} from "three";
import { RoundedBoxGeometry } from "three/addons/geometries/RoundedBoxGeometry.js";

import type { SceneObject, ShapeType } from "../protocol.ts";

/** Long enough to be seen as a change of the same object, short enough never to be waited for. */
export const TWEEN_MS = 220;
/** A shadow this high above the floor is as good as gone. */
const SHADOW_REACH_M = 3.5;
const SHADOW_LIFT_M = 0.002;

// Unit shapes: half-edge 1 and radius 1, so that an object's size is its scale.
const GEOMETRIES: Record<ShapeType, BufferGeometry> = {
  box: new RoundedBoxGeometry(2, 2, 2, 4, 0.09),
  sphere: new SphereGeometry(1, 64, 40),
};
const SHADOW_GEOMETRY = new PlaneGeometry(2, 2).rotateX(-Math.PI / 2);

interface Look {
  readonly position: Vector3;
  readonly color: Color;
  size: number;
}

class Tweened {
  readonly mesh: Mesh<BufferGeometry, MeshStandardMaterial>;
  readonly shadow: Mesh<PlaneGeometry, MeshBasicMaterial>;
  readonly #from: Look;
  readonly #to: Look;
  #startMs: number;
  leaving = false;

  constructor(object: SceneObject, shadowTexture: CanvasTexture, nowMs: number) {
    this.mesh = new Mesh(GEOMETRIES[object.type], new MeshStandardMaterial({ roughness: 0.42, metalness: 0 }));
    this.shadow = new Mesh(
      SHADOW_GEOMETRY,
      new MeshBasicMaterial({ map: shadowTexture, transparent: true, depthWrite: false, color: 0x000000 }),
    );
    this.#to = lookOf(object);
    this.#from = { position: this.#to.position.clone(), color: this.#to.color.clone(), size: 0 };
    this.#startMs = nowMs;
  }

  retarget(object: SceneObject, nowMs: number): void {
    const target = lookOf(object);
    this.mesh.geometry = GEOMETRIES[object.type];
    this.leaving = false;
    if (target.position.equals(this.#to.position) && target.color.equals(this.#to.color) && target.size === this.#to.size) return;
    this.#restart(nowMs);
    this.#to.position.copy(target.position);
    this.#to.color.copy(target.color);
    this.#to.size = target.size;
  }

  leave(nowMs: number): void {
    if (this.leaving) return;
    this.leaving = true;
    this.#restart(nowMs);
    this.#to.size = 0;
  }

  /** Draws the state at this time; true once it has arrived. */
  step(nowMs: number, durationMs: number): boolean {
    const progress = durationMs > 0 ? Math.min(1, Math.max(0, (nowMs - this.#startMs) / durationMs)) : 1;
    const eased = 1 - (1 - progress) ** 3;
    this.mesh.position.lerpVectors(this.#from.position, this.#to.position, eased);
    this.mesh.material.color.lerpColors(this.#from.color, this.#to.color, eased);
    const size = this.#from.size + (this.#to.size - this.#from.size) * eased;
    this.mesh.scale.setScalar(Math.max(size, 1e-4));
    this.#placeShadow(size);
    return progress === 1;
  }

  dispose(): void {
    this.mesh.material.dispose();
    this.shadow.material.dispose();
  }

  #restart(nowMs: number): void {
    this.#from.position.copy(this.mesh.position);
    this.#from.color.copy(this.mesh.material.color);
    this.#from.size = this.mesh.scale.x;
    this.#startMs = nowMs;
  }

  #placeShadow(size: number): void {
    const { x, y, z } = this.mesh.position;
    const height = Math.max(0, y - size);
    this.shadow.visible = y > -size && size > 1e-3;
    this.shadow.position.set(x, SHADOW_LIFT_M, z);
    this.shadow.scale.setScalar(size * (1.35 + height * 0.45));
    this.shadow.material.opacity = 0.75 * Math.max(0, 1 - height / SHADOW_REACH_M) ** 1.2;
  }
}

export class ObjectLayer extends Group {
  readonly #tweened = new Map<string, Tweened>();
  readonly #moving = new Set<string>();
  readonly #shadowTexture = shadowTexture();
  readonly #durationMs: number;

  constructor(reducedMotion: boolean) {
    super();
    this.#durationMs = reducedMotion ? 0 : TWEEN_MS;
  }

  /** Makes the layer show exactly these objects, easing from what it shows now. */
  show(objects: ReadonlyMap<string, SceneObject>, nowMs: number): void {
    for (const object of objects.values()) {
      const known = this.#tweened.get(object.id);
      if (known) known.retarget(object, nowMs);
      else this.#enter(object, nowMs);
      this.#moving.add(object.id);
    }
    for (const [id, tweened] of this.#tweened) {
      if (objects.has(id)) continue;
      tweened.leave(nowMs);
      this.#moving.add(id);
    }
  }

  /** Draws the state at this time; true while something is still on its way. */
  step(nowMs: number): boolean {
    for (const id of this.#moving) {
      const tweened = this.#tweened.get(id)!;
      if (!tweened.step(nowMs, this.#durationMs)) continue;
      this.#moving.delete(id);
      if (tweened.leaving) this.#remove(id, tweened);
    }
    return this.#moving.size > 0;
  }

  #enter(object: SceneObject, nowMs: number): void {
    const tweened = new Tweened(object, this.#shadowTexture, nowMs);
    this.#tweened.set(object.id, tweened);
    this.add(tweened.shadow, tweened.mesh);
  }

  #remove(id: string, tweened: Tweened): void {
    this.remove(tweened.mesh, tweened.shadow);
    tweened.dispose();
    this.#tweened.delete(id);
  }
}

function lookOf(object: SceneObject): Look {
  return {
    position: new Vector3(...object.position),
    color: new Color().setRGB(...object.color, SRGBColorSpace),
    size: object.size,
  };
}

/** A round soft spot, drawn once. */
function shadowTexture(): CanvasTexture {
  const side = 128;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const paint = canvas.getContext("2d")!;
  const spot = paint.createRadialGradient(side / 2, side / 2, 0, side / 2, side / 2, side / 2);
  spot.addColorStop(0, "rgba(255,255,255,1)");
  spot.addColorStop(0.45, "rgba(255,255,255,0.62)");
  spot.addColorStop(1, "rgba(255,255,255,0)");
  paint.fillStyle = spot;
  paint.fillRect(0, 0, side, side);
  return new CanvasTexture(canvas);
}
