import assert from "node:assert/strict";
import { test } from "node:test";

import { encode } from "@msgpack/msgpack";

import { ProtocolError } from "../../src/errors.ts";
import { decodeMessage, decodeSceneOp, encodePose, encodeText } from "../../src/protocol.ts";

const BOX = { id: "box-0", type: "box", position: [0, 1.6, -2], color: [1, 0, 0], size: 0.1 } as const;
const scene = (op: unknown, value: unknown) => encode({ op, value });
const json = (value: unknown) => encodeText(JSON.stringify(value));

test("every scene operation of the contract is read", () => {
  assert.deepEqual(decodeSceneOp(scene("scene.sync", { objects: [BOX] })), { op: "scene.sync", objects: [BOX] });
  assert.deepEqual(decodeSceneOp(scene("scene.add", BOX)), { op: "scene.add", object: BOX });
  assert.deepEqual(decodeSceneOp(scene("scene.remove", { id: "box-0" })), { op: "scene.remove", id: "box-0" });
  const change = { id: "box-0", color: [0, 0, 1] };
  assert.deepEqual(decodeSceneOp(scene("scene.update", change)), { op: "scene.update", change });
});

test("an update carries only the groups that changed", () => {
  const op = decodeSceneOp(scene("scene.update", { id: "a", size: 0.5 }));
  assert.ok(op.op === "scene.update");
  assert.deepEqual(Object.keys(op.change).sort(), ["id", "size"]);
});

for (const [fault, payload] of [
  ["not msgpack", new Uint8Array([0xc1])],
  ["no map", encode(7)],
  ["unknown op", scene("scene.explode", {})],
  ["missing id", scene("scene.remove", {})],
  ["two coordinates", scene("scene.add", { ...BOX, position: [0, 1] })],
  ["coordinate that is no number", scene("scene.add", { ...BOX, position: [0, "1", 2] })],
  ["infinite coordinate", scene("scene.update", { id: "a", position: [0, Infinity, 2] })],
  ["size of zero", scene("scene.add", { ...BOX, size: 0 })],
  ["shape nobody knows", scene("scene.add", { ...BOX, type: "teapot" })],
  ["objects that are no list", scene("scene.sync", { objects: BOX })],
] as const) {
  test(`a scene message with ${fault} is refused as a whole`, () => {
    assert.throws(() => decodeSceneOp(payload), ProtocolError);
  });
}

test("a refusal names the field and what was found", () => {
  assert.throws(() => decodeSceneOp(scene("scene.add", { ...BOX, color: "red" })), /color: expected a list, found "red"/);
});

test("the agent's messages are read by topic", () => {
  assert.deepEqual(decodeMessage("agent.response", encodeText("Done: ünïcode")), { kind: "response", text: "Done: ünïcode" });
  assert.deepEqual(decodeMessage("agent.progress", encodeText("On it!")), { kind: "progress", text: "On it!" });
  assert.deepEqual(decodeMessage("_agent.status", json({ status: "speaking", agent_id: "x" })), { kind: "status", status: "speaking" });
  assert.deepEqual(decodeMessage("clientControl", json({ action: "startCamera" })), { kind: "camera", action: "startCamera" });
  assert.deepEqual(decodeMessage("render.ready", new Uint8Array()), { kind: "renderReady" });
  assert.deepEqual(decodeMessage("view.request", new Uint8Array()), { kind: "poseRequest" });
  assert.deepEqual(decodeMessage("render.failed", encodeText("no GPU")), { kind: "renderFailed", reason: "no GPU" });
});

test("a transcript keeps its doubt and its source", () => {
  const heard = { text: "make it blue", final: true, confidence: 0.4, source: "voice" };
  assert.deepEqual(decodeMessage("agent.transcript", json(heard)), { kind: "transcript", transcript: heard });
  const typed = { text: "hi", final: true, confidence: null, source: "typed" };
  assert.deepEqual(decodeMessage("agent.transcript", json(typed)), { kind: "transcript", transcript: typed });
});

test("topics of other programs, and names that every object has, are unknown rather than errors", () => {
  for (const topic of ["", "something.new", "constructor", "__proto__", "toString"]) {
    assert.deepEqual(decodeMessage(topic, new Uint8Array([1, 2])), { kind: "unknown", topic });
  }
});

test("values outside the contract are protocol errors, not crashes", () => {
  for (const [topic, payload] of [
    ["_agent.status", json({ status: "dancing" })],
    ["_agent.status", encodeText("{")],
    ["_agent.status", encodeText("null")],
    ["clientControl", json({ action: "formatDisk" })],
    ["agent.transcript", json({ text: 5 })],
  ] as const) {
    assert.throws(() => decodeMessage(topic, payload), ProtocolError);
  }
});

test("a pose goes out under the contract's names", () => {
  const bytes = encodePose({ position: [0.123456, 1.6, -0], orientation: [0, -0.70710678, 0, 0.70710678], fovYDeg: 70 });
  assert.deepEqual(JSON.parse(new TextDecoder().decode(bytes)), {
    position: [0.1235, 1.6, 0],
    orientation: [0, -0.70711, 0, 0.70711],
    fov_y_deg: 70,
  });
});
