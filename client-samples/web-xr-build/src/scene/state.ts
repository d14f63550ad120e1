/** The scene as the agent last described it: objects by id, changed by scene operations. */
import type { SceneObject, SceneOp } from "../protocol.ts";

/** `unknown-object`: the operation names an object this page never saw, so the whole scene must be asked for. */
export type ApplyResult = "applied" | "unknown-object";

export class SceneState {
  readonly #objects = new Map<string, SceneObject>();

  get objects(): ReadonlyMap<string, SceneObject> {
    return this.#objects;
  }

  apply(op: SceneOp): ApplyResult {
    switch (op.op) {
      case "scene.sync":
        this.#objects.clear();
        for (const object of op.objects) this.#objects.set(object.id, object);
        return "applied";
      case "scene.add":
        this.#objects.set(op.object.id, op.object);
        return "applied";
      case "scene.update": {
        const known = this.#objects.get(op.change.id);
        if (!known) return "unknown-object";
        this.#objects.set(known.id, { ...known, ...op.change });
        return "applied";
      }
      case "scene.remove":
        return this.#objects.delete(op.id) ? "applied" : "unknown-object";
    }
  }
}

/** The scene in words, for people who cannot see the canvas. */
export function describeScene(objects: Iterable<SceneObject>): string {
  const counts = new Map<string, number>();
  for (const { type } of objects) counts.set(type, (counts.get(type) ?? 0) + 1);
  if (counts.size === 0) return "The scene is empty.";
  const parts = [...counts].map(([type, count]) => (count === 1 ? `1 ${type}` : `${count} ${type === "box" ? "boxes" : `${type}s`}`));
  return `The scene holds ${parts.join(" and ")}.`;
}
