import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { MessageLanes } from "../../src/message-lanes.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function lanes() {
  const heard: string[] = [];
  return { heard, lanes: new MessageLanes((topic, payload) => heard.push(`${topic}:${new TextDecoder().decode(payload)}`)) };
}

function deferred() {
  let resolve!: (parts: Uint8Array[]) => void;
  const promise = new Promise<Uint8Array[]>((done) => (resolve = done));
  return { promise, resolve };
}

const settled = () => new Promise((next) => setImmediate(next));

test("a packet never overtakes a large message of its topic, and other topics do not wait", async () => {
  const { heard, lanes: inbox } = lanes();
  const parts = deferred();
  const later = deferred();
  inbox.stream("scene", parts.promise);
  inbox.packet("scene", bytes("second"));
  inbox.stream("scene", later.promise);
  inbox.packet("scene", bytes("fourth"));
  inbox.packet("pose", bytes("at once"));
  later.resolve([bytes("third")]);
  await settled();
  assert.deepEqual(heard, ["pose:at once"]);
  parts.resolve([bytes("fi"), bytes("rst")]);
  await settled();
  assert.deepEqual(heard.slice(1), ["scene:first", "scene:second", "scene:third", "scene:fourth"]);
  inbox.packet("scene", bytes("again at once"));
  assert.equal(heard.at(-1), "scene:again at once");
});

test("a large message that breaks off holds nothing back", async () => {
  const warned = mock.method(console, "warn", () => undefined);
  const { heard, lanes: inbox } = lanes();
  inbox.stream("scene", Promise.reject(new Error("the sender left")));
  inbox.packet("scene", bytes("goes on"));
  await settled();
  assert.deepEqual(heard, ["scene:goes on"]);
  assert.equal(warned.mock.callCount(), 1);
  warned.mock.restore();
});
