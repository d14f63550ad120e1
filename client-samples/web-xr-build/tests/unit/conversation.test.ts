import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversation, type Entry } from "../../src/ui/conversation.ts";

const voice = (text: string, confidence: number | null = 0.9, final = true) => ({ text, final, confidence, source: "voice" }) as const;
const typed = (text: string) => ({ text, final: true, confidence: null, source: "typed" }) as const;

function conversation(maxEntries?: number) {
  const shown = new Map<number, Entry>();
  const record = (entry: Entry) => void shown.set(entry.key, entry);
  const model = new Conversation({ added: record, changed: record, removed: ({ key }) => void shown.delete(key) }, maxEntries);
  return { model, lines: () => [...shown.values()].map(({ kind, text }) => `${kind}: ${text}`), shown };
}

test("a turn is shown in the order it happened", () => {
  const { model, lines } = conversation();
  model.heard(voice("make it blue"));
  model.progress("On it!");
  model.response("It is blue now.");
  assert.deepEqual(lines(), ["you: make it blue", "progress: On it!", "agent: It is blue now."]);
});

test("what is typed appears at once and only once", () => {
  const { model, lines, shown } = conversation();
  const { key } = model.typed("delete it");
  assert.equal(shown.get(key)?.pending, true);
  model.heard(typed("delete it"));
  assert.deepEqual(lines(), ["you: delete it"]);
  assert.equal(shown.get(key)?.pending, false);
});

test("the same words typed twice are two lines", () => {
  const { model, lines } = conversation();
  model.typed("again");
  model.typed("again");
  model.heard(typed("again"));
  model.heard(typed("again"));
  assert.deepEqual(lines(), ["you: again", "you: again"]);
});

test("a request that waits while another is answered stays one line when its turn comes", () => {
  const { model, lines } = conversation();
  model.typed("add a cube");
  model.heard(typed("add a cube"));
  model.typed("make it red");
  model.progress('Next: "make it red"');
  model.response("I put a cube in front of you.");
  model.heard(typed("make it red"));
  model.response("I made the cyan cube red.");
  assert.deepEqual(lines().filter((line) => line.startsWith("you")), ["you: add a cube", "you: make it red"]);
});

test("speech heard while a typed line waits does not swallow it", () => {
  const { model, lines } = conversation();
  model.typed("delete it");
  model.heard(voice("delete it"));
  assert.deepEqual(lines(), ["you: delete it", "you: delete it"]);
});

test("an agent that answers without repeating the words has heard them", () => {
  const { model, shown } = conversation();
  const { key } = model.typed("hello");
  model.response("Hi.");
  assert.equal(shown.get(key)?.pending, false);
});

test("a line that could not be sent disappears", () => {
  const { model, lines } = conversation();
  model.retract(model.typed("lost"));
  assert.deepEqual(lines(), []);
});

test("speech grows in one line until it is final", () => {
  const { model, lines } = conversation();
  model.heard(voice("put a", null, false));
  model.heard(voice("put a red cube", null, false));
  model.heard(voice("put a red cube here", 0.8));
  model.heard(voice("thanks"));
  assert.deepEqual(lines(), ["you: put a red cube here", "you: thanks"]);
});

test("a doubtful hearing is marked, a confident one is not", () => {
  const { model } = conversation();
  model.heard(voice("maybe this", 0.3));
  model.heard(voice("surely this", 0.9));
  model.heard(voice("who knows", null));
  assert.deepEqual(model.entries.map(({ unsure }) => unsure), [true, false, false]);
});

test("the panel never grows without bound", () => {
  const { model, shown } = conversation(50);
  for (let turn = 0; turn < 500; turn += 1) model.response(`reply ${turn}`);
  assert.equal(model.entries.length, 50);
  assert.equal(shown.size, 50);
  assert.equal(model.entries[0]?.text, "reply 450");
});

test("empty replies leave no empty bubbles", () => {
  const { model, lines } = conversation();
  model.response("  ");
  model.progress("");
  model.heard(voice(" "));
  assert.deepEqual(lines(), []);
});
