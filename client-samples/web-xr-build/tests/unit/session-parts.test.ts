import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { AgentWatch, SILENCE_LIMIT_MS } from "../../src/agent-watch.ts";
import { ClientError, deviceError } from "../../src/errors.ts";
import { claimIdentity, newIdentity, pageOptions } from "../../src/identity.ts";
import { Camera, type CameraSession } from "../../src/media/camera.ts";
import { type Agent, phaseOf } from "../../src/phase.ts";
import { fetchGrant } from "../../src/token.ts";

test("the address may name the person, the code and joining at once", () => {
  assert.deepEqual(pageOptions("?identity=alice&code=42&autojoin=1"), { identity: "alice", code: "42", autojoin: true });
  assert.deepEqual(pageOptions("?identity=%20&autojoin=0"), { identity: null, code: null, autojoin: false });
});

test("made-up names are valid identities and do not repeat", () => {
  const names = new Set(Array.from({ length: 2000 }, newIdentity));
  assert.equal(names.size, 2000);
  for (const name of names) assert.match(name, /^guest-[a-z0-9]{6}$/);
});

class FakeLocks {
  readonly held = new Set<string>();

  readonly manager = {
    request: (name: string, options: { signal: AbortSignal }, hold: () => Promise<never>) =>
      new Promise((resolve, reject) => {
        if (!this.held.has(name)) {
          this.held.add(name);
          resolve(hold());
          return;
        }
        // Node's timeout signals do not keep the process alive by themselves.
        const alive = setInterval(() => undefined, 1000);
        options.signal.addEventListener("abort", () => {
          clearInterval(alive);
          reject(new Error("held by another tab"));
        });
      }),
  } as unknown as LockManager;
}

function storage(): Pick<Storage, "getItem" | "setItem"> {
  const values = new Map<string, string>();
  return { getItem: (key) => values.get(key) ?? null, setItem: (key, value) => void values.set(key, value) };
}

test("a tab keeps its name when it is reloaded", async () => {
  const tab = storage();
  const first = await claimIdentity(null, tab, new FakeLocks().manager);
  assert.equal(await claimIdentity(null, tab, new FakeLocks().manager), first);
});

test("a duplicated tab, which starts with the first one's storage, gets a name of its own", async () => {
  const locks = new FakeLocks();
  const copied = storage();
  const first = await claimIdentity(null, copied, locks.manager);
  assert.notEqual(await claimIdentity(null, copied, locks.manager), first);
});

test("a name in the address wins, and plain http trusts no stored name", async () => {
  assert.equal(await claimIdentity("alice", storage(), null), "alice");
  const tab = storage();
  assert.notEqual(await claimIdentity(null, tab, null), await claimIdentity(null, tab, null));
});

const answering = (status: number, body: unknown) => async () => new Response(JSON.stringify(body), { status });

async function refusal(fetcher: typeof fetch, code: string | null = null): Promise<ClientError> {
  const error = await fetchGrant("alice", code, fetcher).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof ClientError);
  return error;
}

test("the hub's answer becomes a grant, with the identity it really gave", async () => {
  const asked: string[] = [];
  const fetcher: typeof fetch = async (url) => {
    asked.push(String(url));
    return new Response(JSON.stringify({ token: "t", room: "r", url: "wss://h", identity: "alice-2" }));
  };
  const grant = { token: "t", room: "r", url: "wss://h", identity: "alice-2", recording: false };
  assert.deepEqual(await fetchGrant("al ice", "4 2", fetcher), grant);
  assert.deepEqual(asked, ["/token?identity=al+ice&code=4+2"]);
});

test("only a hub that says so records", async () => {
  const recorded = async (recording: unknown) =>
    (await fetchGrant("alice", null, answering(200, { token: "t", url: "wss://h", recording }))).recording;
  assert.deepEqual(await Promise.all([true, false, undefined, "true", 1].map(recorded)), [true, false, false, false, false]);
});

test("each refusal says what to do", async () => {
  const unreachable = await refusal(async () => Promise.reject(new TypeError("failed")));
  assert.equal(unreachable.kind, "hub-unreachable");
  const codeNeeded = answering(403, { error: "a join code is needed: /token?identity=NAME&code=CODE" });
  assert.match((await refusal(codeNeeded)).message, /needs a join code/);
  assert.match((await refusal(codeNeeded, "old")).message, /not accepted/);
  assert.equal((await refusal(codeNeeded)).kind, "join-code");
  const reserved = await refusal(answering(403, { error: "identity 'xr-hub-connector' is reserved for the hub" }));
  assert.equal(reserved.kind, "token-refused");
  assert.match(reserved.message, /reserved/);
  assert.equal((await refusal(answering(503, {}))).kind, "hub-unreachable");
  const refused = await refusal(answering(400, { error: 'identity "x y" may hold only letters' }));
  assert.equal(refused.kind, "token-refused");
  assert.match(refused.message, /may hold only letters/);
  assert.equal((await refusal(answering(200, "<html>"))).kind, "token-refused");
});

test("a device that is missing, blocked or busy is told apart", () => {
  const kinds = ["NotAllowedError", "NotFoundError", "NotReadableError"].map(
    (name) => deviceError("mic", new DOMException("", name)).kind,
  );
  assert.deepEqual(kinds, ["mic-denied", "mic-missing", "mic-busy"]);
});

test("the page says in words what is happening", () => {
  const text = (agent: Agent) => phaseOf("connected", agent, "on").text;
  assert.equal(phaseOf("connecting", "idle", "off").text, "Connecting…");
  assert.equal(text("unknown"), "Agent loading…");
  assert.equal(text("idle"), "Ready: say something");
  assert.equal(phaseOf("connected", "idle", "denied").text, "Ready: type a request");
  assert.equal(text("listening"), "Listening…");
  assert.equal(text("processing"), "Thinking…");
  assert.equal(text("speaking"), "Speaking…");
});

test("an agent that stays silent is said to be absent, and welcome when it comes", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const seen: Agent[] = [];
    const watch = new AgentWatch((agent) => seen.push(agent));
    watch.start();
    mock.timers.tick(SILENCE_LIMIT_MS);
    watch.heard();
    watch.reset();
    watch.start();
    watch.status("loading");
    mock.timers.tick(SILENCE_LIMIT_MS * 10);
    assert.deepEqual(seen, ["absent", "idle", "unknown", "loading"]);
  } finally {
    mock.timers.reset();
  }
});

function camera(devices = true) {
  const states: string[] = [];
  const calls: boolean[] = [];
  const session = {
    setCamera: async (on: boolean) => {
      calls.push(on);
      return { track: { mediaStreamTrack: new EventTarget() } };
    },
  } as unknown as CameraSession;
  const it = new Camera({ state: (state) => states.push(state), preview: () => undefined }, () => devices);
  return { it, session, states, calls };
}

test("the agent cannot look before the person agreed", async () => {
  const { it, session, states, calls } = camera();
  await it.requestedByAgent(session, false);
  assert.deepEqual([states, calls], [["asking"], []]);
  it.decline();
  assert.deepEqual([it.state, calls], ["off", []]);
});

test("agreed once, the agent may look again in this session but not in the next", async () => {
  const { it, session, calls } = camera();
  await it.requestedByAgent(session, false);
  await it.allow(session);
  await it.releasedByAgent(session);
  await it.requestedByAgent(session, false);
  assert.deepEqual(calls, [true, false, true]);
  it.reset();
  await it.requestedByAgent(session, false);
  assert.equal(it.state, "asking");
});

test("always allowed means no question", async () => {
  const { it, session } = camera();
  await it.requestedByAgent(session, true);
  assert.equal(it.state, "on");
});

test("the agent cannot turn off a camera that the person turned on", async () => {
  const { it, session, calls } = camera();
  await it.start(session);
  await it.requestedByAgent(session, false);
  await it.releasedByAgent(session);
  assert.deepEqual([it.state, calls], ["on", [true]]);
});
