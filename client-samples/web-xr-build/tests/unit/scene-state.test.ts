import assert from "node:assert/strict";
import { test } from "node:test";

import type { SceneObject } from "../../src/protocol.ts";
import { SceneState, describeScene } from "../../src/scene/state.ts";

const box = (id: string): SceneObject => ({ id, type: "box", position: [0, 1.6, -2], color: [1, 0, 0], size: 0.1 });

test("operations build the scene in order", () => {
  const scene = new SceneState();
  scene.apply({ op: "scene.add", object: box("a") });
  scene.apply({ op: "scene.add", object: box("b") });
  scene.apply({ op: "scene.update", change: { id: "a", color: [0, 0, 1] } });
  scene.apply({ op: "scene.remove", id: "b" });
  assert.deepEqual([...scene.objects.values()], [{ ...box("a"), color: [0, 0, 1] }]);
});

test("a sync replaces what was there", () => {
  const scene = new SceneState();
  scene.apply({ op: "scene.add", object: box("old") });
  scene.apply({ op: "scene.sync", objects: [box("new")] });
  assert.deepEqual([...scene.objects.keys()], ["new"]);
});

test("an object added twice is one object", () => {
  const scene = new SceneState();
  scene.apply({ op: "scene.add", object: box("a") });
  assert.equal(scene.apply({ op: "scene.add", object: { ...box("a"), size: 0.4 } }), "applied");
  assert.deepEqual([...scene.objects.values()], [{ ...box("a"), size: 0.4 }]);
});

test("an operation on an object never seen asks for the whole scene", () => {
  const scene = new SceneState();
  assert.equal(scene.apply({ op: "scene.update", change: { id: "ghost", size: 1 } }), "unknown-object");
  assert.equal(scene.apply({ op: "scene.remove", id: "ghost" }), "unknown-object");
  assert.equal(scene.objects.size, 0);
});

test("the scene can be told in words", () => {
  assert.equal(describeScene([]), "The scene is empty.");
  const sphere: SceneObject = { ...box("s"), type: "sphere" };
  assert.equal(describeScene([box("a"), box("b"), sphere]), "The scene holds 2 boxes and 1 sphere.");
});
