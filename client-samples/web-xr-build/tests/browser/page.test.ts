import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { Browser, BrowserContext, Page } from "playwright-core";

import { FAKE_DEVICES, Hub, MediaServer, PageServer, eventually, launchChromium, openPage, pixel } from "./harness.ts";

const RED_BOX = { id: "box-0", type: "box", position: [0, 1.6, -2], color: [1, 0, 0], size: 0.1 } as const;
const LIMIT = { timeout: 60_000 };

let media: MediaServer;
let server: PageServer;
let browser: Browser;

before(async () => {
  media = await MediaServer.start();
  server = await PageServer.start(media);
  browser = await launchChromium(FAKE_DEVICES);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await media?.stop();
});

interface Visit {
  readonly page: Page;
  readonly hub: Hub;
  readonly errors: string[];
  readonly context: BrowserContext;
}

/** One person at the page with a hub in their room; everything is closed afterwards. */
async function visit(name: string, use: (visit: Visit) => Promise<void>, query = ""): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const [hub, { page, errors }] = await Promise.all([
    Hub.start(media, name),
    openPage(context, `${server.url}?identity=${name}${query}`),
  ]);
  try {
    await use({ page, hub, errors, context });
  } finally {
    await context.close();
    await hub.stop();
  }
}

const state = (page: Page, attributes: Record<string, string>) =>
  page.waitForSelector(`html${Object.entries(attributes).map(([name, value]) => `[data-${name}="${value}"]`).join("")}`);

async function join(page: Page): Promise<void> {
  await page.click("[data-testid=join]");
  await state(page, { connection: "connected", mic: "on" });
}

test("joining is one click: microphone published, scene asked for, viewpoint told", LIMIT, () =>
  visit("join", async ({ page, hub, errors }) => {
    await join(page);
    await eventually("the hub hears the microphone", () => hub.events.some(({ event, peak }) => event === "audio" && (peak ?? 0) > 0.01));
    await eventually("scene.hello", () => hub.received("scene.hello").length === 1);
    const pose = await eventually("view.pose", () => hub.received("view.pose")[0]);
    assert.deepEqual(JSON.parse(pose), { position: [0, 1.6, 0], orientation: [0, 0, 0, 1], fov_y_deg: 70 });
    assert.deepEqual(errors, []);
  }),
);

test("a hub that records says so before the microphone opens, and until the person leaves", LIMIT, () =>
  visit("recorded", async ({ page }) => {
    const badge = page.locator("[data-testid=recording]");
    const isShown = async () => ((await badge.boundingBox())?.width ?? 0) > 60;
    await page.evaluate(() => {
      const devices = navigator.mediaDevices;
      const original = devices.getUserMedia.bind(devices);
      devices.getUserMedia = (wanted) => {
        document.documentElement.dataset["saidBefore"] = document.querySelector("[data-testid=recording-text]")!.textContent ?? "";
        return original(wanted);
      };
    });
    assert.equal(await badge.getAttribute("role"), "status");
    server.recording = true;
    try {
      await join(page);
      assert.equal(await page.evaluate(() => document.documentElement.dataset["saidBefore"]), "Recording");
      await state(page, { recording: "true" });
      assert.ok(await isShown());
      assert.equal((await badge.textContent())?.trim(), "Recording: whoever runs this hub records your camera and microphone.");
      assert.match((await badge.getAttribute("title")) ?? "", /whoever runs this hub/i);
      await page.click("[data-testid=leave]");
      await state(page, { connection: "idle", recording: "false" });
      assert.ok(!(await isShown()));
      assert.equal(await page.textContent("[data-testid=recording-text]"), "");
    } finally {
      server.recording = false;
    }
    await join(page);
    await state(page, { recording: "false" });
  }),
);

test("what is wrong never covers that the hub records, however narrow the window", LIMIT, () =>
  visit("covered", async ({ page }) => {
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotAllowedError"));
    });
    server.recording = true;
    try {
      await page.click("[data-testid=join]");
      await state(page, { connection: "connected", mic: "denied", recording: "true" });
      for (const width of [1280, 390, 360]) {
        await page.setViewportSize({ width, height: 800 });
        const [status, badge, notice] = await page.evaluate(() =>
          ["status", "recording", "notice"].map((id) => document.querySelector(`[data-testid=${id}]`)!.getBoundingClientRect().toJSON()),
        );
        assert.ok(badge.left >= 0 && badge.right <= width, `at ${width} px the badge is outside`);
        assert.ok(badge.width > 60 && notice.width > 200 && notice.top >= Math.max(badge.bottom, status.bottom), `at ${width} px something is covered`);
        assert.ok(badge.left >= status.right || badge.top >= status.bottom, `at ${width} px the badge covers the status`);
      }
    } finally {
      server.recording = false;
    }
  }),
);

test("a red cube two metres ahead is red on the screen, changes colour, and goes", LIMIT, () =>
  visit("scene", async ({ page, hub }) => {
    await join(page);
    const centre = await pixel(page, 640, 400);
    hub.scene("scene.sync", { objects: [] });
    hub.scene("scene.add", RED_BOX);
    await state(page, { objects: "1", settled: "true" });
    const [at] = await page.evaluate(() => window.xrClient.objects().map(({ screen }) => screen));
    assert.deepEqual(at?.map(Math.round), [640, 400]);
    const [red, green, blue] = await pixel(page, 640, 400);
    assert.ok(red > 120 && red > 2.5 * green && red > 2.5 * blue, `not red: ${red} ${green} ${blue}`);

    hub.scene("scene.update", { id: "box-0", color: [0, 0, 1] });
    await eventually("the cube is blue", async () => {
      const [r, g, b] = await pixel(page, 640, 400);
      return b > 120 && b > 2.5 * r && b > 2 * g;
    });
    hub.scene("scene.remove", { id: "box-0" });
    await state(page, { objects: "0", settled: "true" });
    const gone = await pixel(page, 640, 400);
    assert.ok(gone.every((value, band) => Math.abs(value - centre[band]!) < 12), `${gone} is not the background ${centre}`);
  }),
);

test("box size is its half-edge and sphere size its radius", LIMIT, () =>
  visit("size", async ({ page, hub }) => {
    await join(page);
    hub.scene("scene.sync", {
      objects: [
        { ...RED_BOX, position: [-0.5, 1.6, -2], size: 0.2 },
        { id: "s", type: "sphere", position: [0.5, 1.6, -2], color: [0, 1, 0], size: 0.2 },
      ],
    });
    await state(page, { objects: "2", settled: "true" });
    // 800 px show 2·tan(35°) of distance: 286 px per metre at 2 m, a little more at a box's front face.
    const pixelsPerMetre = 400 / Math.tan((35 * Math.PI) / 180) / 2;
    const inside = 0.2 * pixelsPerMetre - 8;
    const outside = 0.2 * pixelsPerMetre * (2 / 1.8) + 10;
    for (const [x, band] of [[640 - 0.5 * pixelsPerMetre, 0], [640 + 0.5 * pixelsPerMetre, 1]] as const) {
      const dominant = ([r, g, b]: number[]) => (band === 0 ? r! > 2 * g! && r! > 2 * b! : g! > 2 * r! && g! > 2 * b!);
      assert.ok(dominant(await pixel(page, x, 400 - inside)), `nothing at the inner edge of object ${band}`);
      assert.ok(!dominant(await pixel(page, x, 400 - outside)), `object ${band} is too large`);
    }
  }),
);

test("six steps to the right look along +X, at most ten messages a second", LIMIT, () =>
  visit("turn", async ({ page, hub }) => {
    await join(page);
    hub.scene("scene.sync", { objects: [{ ...RED_BOX, position: [2, 1.6, 0] }] });
    await state(page, { objects: "1" });
    await page.focus("[data-testid=scene]");
    for (let step = 0; step < 6; step += 1) await page.keyboard.press("ArrowRight");
    const last = await eventually("the turned pose arrives", () => {
      const pose = JSON.parse(hub.received("view.pose").at(-1) ?? "{}");
      return Math.abs((pose.orientation?.[1] ?? 0) + Math.SQRT1_2) < 1e-3 ? pose : null;
    });
    assert.ok(Math.abs(last.orientation[3] - Math.SQRT1_2) < 1e-3);
    await state(page, { settled: "true" });
    const [red, green, blue] = await pixel(page, 640, 400);
    assert.ok(red > 120 && red > 2.5 * green && red > 2.5 * blue, `the cube is not ahead of the new view: ${red} ${green} ${blue}`);
  }),
);

test("the keyboard goes on where the person is, although buttons come and go", LIMIT, () =>
  visit("keyboard", async ({ page, hub }) => {
    const focused = () => page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset["testid"] ?? null);
    await page.focus("[data-testid=join]");
    await page.keyboard.press("Enter");
    await state(page, { connection: "connected", mic: "on" });
    assert.equal(await focused(), "mic");
    await page.focus("[data-testid=leave]");
    await page.keyboard.press("Enter");
    await state(page, { connection: "idle" });
    assert.equal(await focused(), "join");
    await page.focus("[data-testid=join-text]");
    await page.keyboard.press("Enter");
    await state(page, { connection: "connected" });
    assert.equal(await focused(), "text");

    await page.keyboard.type("half a sen");
    await hub.stop();
    await state(page, { connection: "reconnecting" });
    await page.keyboard.press("Enter");
    const second = await Hub.start(media, "keyboard");
    try {
      await state(page, { connection: "connected" });
      await page.keyboard.type("tence");
      await page.keyboard.press("Enter");
      await eventually("the words survived the interruption", () => second.received("").includes("half a sentence"));
    } finally {
      await second.stop();
    }
    await page.click("[data-testid=leave]");
    await page.route("**/token?*", (route) => route.abort());
    await page.focus("[data-testid=join-text]");
    await page.keyboard.press("Enter");
    await state(page, { connection: "failed" });
    assert.equal(await focused(), "join-text");
  }),
);

test("keys move the view except while typing, and R goes home", LIMIT, () =>
  visit("keys", async ({ page }) => {
    await join(page);
    const x = () => page.evaluate(() => window.xrClient.viewPose().position);
    await page.fill("[data-testid=text]", "");
    await page.focus("[data-testid=text]");
    await page.keyboard.type("wasd");
    await page.keyboard.press("ArrowLeft");
    assert.deepEqual(await x(), [0, 1.6, 0]);
    await page.focus("[data-testid=scene]");
    await page.keyboard.press("w");
    await eventually("a tap walks forward", async () => (await x())[2] <= -0.1);
    await page.keyboard.press("r");
    assert.deepEqual(await x(), [0, 1.6, 0]);
    await page.mouse.move(300, 300);
    await page.mouse.down();
    await page.mouse.move(400, 300, { steps: 4 });
    await page.mouse.up();
    const turned = await page.evaluate(() => window.xrClient.viewPose().orientation[1]);
    assert.ok(Math.abs(turned - Math.sin((10 * Math.PI) / 180)) < 1e-6, `dragging 100 px right turned to ${turned}`);
  }),
);

test("the conversation shows what was heard, what is done and what was said; typed text reaches the agent", LIMIT, () =>
  visit("talk", async ({ page, hub }) => {
    await join(page);
    const status = () => page.textContent("[data-testid=status-text]");
    hub.json("_agent.status", { status: "loading" });
    await eventually("loading is said", async () => (await status()) === "Agent loading…");
    hub.json("_agent.status", { status: "idle" });
    await eventually("ready is said", async () => (await status()) === "Ready: say something");
    hub.json("agent.transcript", { text: "make it <b>blue</b>", final: true, confidence: 0.9, source: "voice" });
    hub.data("agent.progress", "On it!");
    hub.data("agent.response", "It is blue now.");
    await page.waitForSelector("[data-testid=entry-agent]");
    const words = (kind: string) => page.locator(`[data-testid=entry-${kind}] .words`).allTextContents();
    assert.deepEqual([await words("you"), await words("progress"), await words("agent")], [["make it <b>blue</b>"], ["On it!"], ["It is blue now."]]);

    await page.fill("[data-testid=text]", "delete it");
    await page.press("[data-testid=text]", "Enter");
    await eventually("the typed text arrives without a topic", () => hub.received("").includes("delete it"));
    await page.waitForSelector("[data-testid=entry-you][data-pending=true]");
    hub.json("agent.transcript", { text: "delete it", final: true, confidence: null, source: "typed" });
    await page.waitForSelector("[data-testid=entry-you][data-pending=true]", { state: "detached" });
    assert.deepEqual(await words("you"), ["make it <b>blue</b>", "delete it"]);
    for (let line = 0; line < 40; line += 1) hub.data("agent.progress", `step ${line}`);
    await page.waitForSelector("text=step 39");
    const isLastLineShown = () =>
      page.evaluate(() => {
        const log = document.querySelector("[data-testid=conversation]")!;
        return log.scrollHeight - log.scrollTop - log.clientHeight < 2;
      });
    await eventually("the newest line is in view", isLastLineShown);
    hub.data("agent.progress", "Looking through your camera");
    hub.json("clientControl", { action: "startCamera" });
    hub.data("agent.response", "Your camera is off, so I only see the scene.");
    await page.waitForSelector("[data-testid=camera-prompt]:not([hidden])");
    await page.waitForSelector("text=Your camera is off");
    await eventually("the newest line is still in view beside the prompt", isLastLineShown);
    await page.click("[data-testid=camera-decline]");
    await page.click("text=what do you see");
    await eventually("a hint is sent as a request", () => hub.received("").includes("what do you see"));
  }),
);

test("broken messages are survived, and an unknown object makes the page ask for the scene", LIMIT, () =>
  visit("broken", async ({ page, hub, errors }) => {
    await join(page);
    hub.data("scene", new Uint8Array([0xc1, 0xff]));
    hub.scene("scene.add", { ...RED_BOX, size: -1 });
    hub.data("_agent.status", "{");
    hub.scene("scene.update", { id: "ghost", size: 1 });
    await eventually("the page asks again", () => hub.received("scene.hello").length === 2);
    hub.scene("scene.sync", { objects: [RED_BOX] });
    await state(page, { objects: "1" });
    assert.deepEqual(errors, []);
  }),
);

test("the agent's voice can be heard", LIMIT, () =>
  visit("voice", async ({ page, hub }) => {
    await join(page);
    assert.ok((await page.evaluate(() => window.xrClient.agentAudioLevel())) < 0.01);
    hub.tone(4);
    await eventually("the return track is loud", async () => (await page.evaluate(() => window.xrClient.agentAudioLevel())) > 0.05);
    await eventually("and quiet again", async () => (await page.evaluate(() => window.xrClient.agentAudioLevel())) < 0.01);
  }),
);

test("the agent looks only after the person allowed it", LIMIT, () =>
  visit("camera", async ({ page, hub }) => {
    await join(page);
    const videos = () => hub.events.filter(({ event, kind }) => event === "track" && kind === "video").length;
    hub.json("clientControl", { action: "startCamera" });
    await page.waitForSelector("[data-testid=camera-prompt]:not([hidden])");
    assert.equal(videos(), 0);
    await page.click("[data-testid=camera-allow]");
    await eventually("the hub sees the camera", () => videos() === 1);
    await state(page, { camera: "on" });
    hub.json("clientControl", { action: "stopCamera" });
    await state(page, { camera: "off" });
    hub.json("clientControl", { action: "startCamera" });
    await state(page, { camera: "on" });
  }),
);

test("XR without a headset: announced, steered, announced again after joining anew, and left", LIMIT, () =>
  visit("xr", async ({ page, hub, errors }) => {
    await join(page);
    await page.click("[data-testid=xr]");
    await page.click("[data-testid=xr-emulate]");
    await state(page, { xr: "active" });
    await eventually("the session is announced", () => hub.received("xr.session.started").length === 1);
    assert.equal(hub.received("xr.session.started")[0], "");
    hub.scene("scene.sync", { objects: [{ ...RED_BOX, position: [-2, 1.6, 0] }] });
    await page.focus("[data-testid=scene]");
    for (let step = 0; step < 6; step += 1) await page.keyboard.press("ArrowLeft");
    await eventually("the headset's pose is sent", () => {
      const pose = JSON.parse(hub.received("view.pose").at(-1) ?? "{}");
      return Math.abs((pose.orientation?.[1] ?? 0) - Math.SQRT1_2) < 1e-3;
    });
    await eventually("the cube is ahead in the headset", async () => {
      const [red, green, blue] = await pixel(page, 640, 400);
      return red > 120 && red > 2.5 * green && red > 2.5 * blue;
    });
    hub.data("render.failed", "no GPU");
    await state(page, { xr: "inactive", render: "failed" });
    assert.match((await page.textContent("[data-testid=notice-text]")) ?? "", /no GPU/);
    await page.click("[data-testid=xr]");
    await page.click("[data-testid=xr-emulate]");
    await state(page, { xr: "active" });
    await eventually("trying again announces again", () => hub.received("xr.session.started").length === 2);
    await page.click("[data-testid=xr]");
    await state(page, { xr: "inactive" });
    assert.deepEqual(errors, []);
  }),
);

test("a hub that goes and comes back is told everything again", LIMIT, () =>
  visit("again", async ({ page, hub }) => {
    await join(page);
    await page.click("[data-testid=xr]");
    await page.click("[data-testid=xr-emulate]");
    await state(page, { xr: "active" });
    await hub.stop();
    await state(page, { connection: "reconnecting" });
    const second = await Hub.start(media, "again");
    try {
      await state(page, { connection: "connected" });
      await eventually("hello, pose and XR are sent again", () =>
        ["scene.hello", "view.pose", "xr.session.started"].every((topic) => second.received(topic).length > 0),
      );
    } finally {
      await second.stop();
    }
  }),
);

test("without permission the person is told, and can type", LIMIT, async () => {
  const strict = await launchChromium();
  const hub = await Hub.start(media, "denied");
  try {
    const context = await strict.newContext({ permissions: [] });
    const { page } = await openPage(context, `${server.url}?identity=denied`);
    await page.click("[data-testid=join]");
    await state(page, { connection: "connected" });
    await page.waitForFunction(() => ["denied", "missing"].includes(document.documentElement.dataset["mic"] ?? ""));
    assert.match((await page.textContent("[data-testid=notice-text]")) ?? "", /microphone.*Until then you can type/s);
    await page.fill("[data-testid=text]", "hello");
    await page.press("[data-testid=text]", "Enter");
    await eventually("text still reaches the agent", () => hub.received("").includes("hello"));
  } finally {
    await strict.close();
    await hub.stop();
  }
});

test("a join code is asked for, and a wrong one is said to be wrong", LIMIT, () =>
  visit("code", async ({ page }) => {
    server.joinCode = "4711";
    try {
      await page.click("[data-testid=join-text]");
      await page.waitForSelector("[data-testid=code-form]:not([hidden])");
      await page.fill("[data-testid=code]", "1234");
      await page.press("[data-testid=code]", "Enter");
      await page.waitForSelector("text=That join code was not accepted");
      await page.fill("[data-testid=code]", "4711");
      await page.press("[data-testid=code]", "Enter");
      await state(page, { connection: "connected", mic: "off" });
      assert.equal(await page.isVisible("[data-testid=notice]"), false);
    } finally {
      server.joinCode = null;
    }
  }),
);

test("a second page with the same name says who was replaced", LIMIT, () =>
  visit("twice", async ({ page, context }) => {
    await join(page);
    const { page: other } = await openPage(context, `${server.url}?identity=twice`);
    await join(other);
    await state(page, { connection: "failed" });
    assert.match((await page.textContent("[data-testid=notice-text]")) ?? "", /joined from another page/);
    await state(other, { connection: "connected" });
  }),
);

test("tabs never share a made-up name, not even a duplicated one", LIMIT, async () => {
  const context = await browser.newContext();
  try {
    const { page } = await openPage(context, server.url);
    const stored = () => sessionStorage.getItem("xr-identity");
    const first = await eventually("the first tab has a name", () => page.evaluate(stored));
    // window.open from the page copies sessionStorage, as duplicating a tab does.
    const [second] = await Promise.all([context.waitForEvent("page"), page.evaluate(() => void window.open(location.href))]);
    await eventually("the copy takes another name", async () => {
      const name = await second.evaluate(stored);
      return name !== null && name !== first;
    });
    await page.reload();
    await page.waitForSelector('html[data-page="ready"]');
    assert.equal(await page.evaluate(stored), first);
  } finally {
    await context.close();
  }
});

test("the address alone can join, and leaving goes back to the start", LIMIT, () =>
  visit(
    "auto",
    async ({ page, hub }) => {
      await state(page, { connection: "connected", mic: "on" });
      await page.click("[data-testid=leave]");
      await state(page, { connection: "idle", mic: "off", camera: "off" });
      await eventually("the hub sees the person leave", () => hub.events.some(({ event }) => event === "left"));
      assert.ok(await page.isVisible("[data-testid=join]"));
    },
    "&autojoin=1",
  ),
);

test("while the whole server is gone the person is told what to check", LIMIT, async () => {
  const ownMedia = await MediaServer.start();
  const ownServer = await PageServer.start(ownMedia);
  const context = await browser.newContext();
  const hub = await Hub.start(ownMedia, "outage");
  try {
    const { page } = await openPage(context, `${ownServer.url}?identity=outage`);
    await join(page);
    await page.route("**/token?*", (route) => route.abort());
    await ownMedia.stop();
    await state(page, { connection: "reconnecting" });
    await page.waitForSelector("text=The connection is lost: check that the hub is running. This page joins again by itself.");
    await page.click("[data-testid=leave]");
    await state(page, { connection: "idle" });
  } finally {
    await context.close();
    await hub.stop();
    await ownServer.stop();
    await ownMedia.stop();
  }
});

test("a hub that is gone gives one clear sentence", LIMIT, () =>
  visit("gone", async ({ page }) => {
    await page.route("**/token?*", (route) => route.abort());
    await page.click("[data-testid=join]");
    await state(page, { connection: "failed" });
    assert.equal(await page.textContent("[data-testid=notice-text]"), "The hub does not answer: check that it is running, then join again.");
    await page.unroute("**/token?*");
    await join(page);
  }),
);

test("everything comes from the hub, and the page can be used within a second", LIMIT, async () => {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const foreign: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(server.url) && !request.url().startsWith("data:")) foreign.push(request.url());
    });
    await page.goto(server.url);
    await page.waitForSelector("html[data-page=ready]");
    await state(page, { settled: "true" });
    assert.deepEqual(foreign, []);
    const readyMs = await page.evaluate(() => performance.getEntriesByName("page-ready")[0]?.startTime ?? Infinity);
    // Twice the aim: the machine that runs the tests runs other things too.
    assert.ok(readyMs < 2000, `usable after ${readyMs} ms`);
  } finally {
    await context.close();
  }
});

test("a phone's screen shows every control, none outside the view", LIMIT, async () => {
  const hub = await Hub.start(media, "phone");
  const context = await browser.newContext({ viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true });
  try {
    const { page } = await openPage(context, `${server.url}?identity=phone`);
    const ids = (...names: string[]) => names.map((name) => `[data-testid=${name}]`);
    const outside = (selectors: readonly string[]) =>
      page.evaluate(
        (names) =>
          names.filter((name) => {
            const box = document.querySelector(name)!.getBoundingClientRect();
            return box.width < 30 || box.height < 30 || box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight;
          }),
        selectors,
      );
    assert.deepEqual(await outside([".dock", ...ids("join", "join-text", "xr")]), []);
    await join(page);
    hub.scene("scene.sync", { objects: [RED_BOX] });
    await state(page, { objects: "1", settled: "true" });
    assert.deepEqual(await outside([".dock", ".talk", ...ids("mic", "camera", "xr", "leave", "text", "send")]), []);
    const at = await page.evaluate(() => window.xrClient.objects()[0]?.screen);
    assert.ok(at, "the cube is not on the screen");
    const [red, green, blue] = await pixel(page, at[0], at[1]);
    assert.ok(red > 120 && red > 2.5 * green && red > 2.5 * blue, `the cube is covered: ${red} ${green} ${blue}`);
  } finally {
    await context.close();
    await hub.stop();
  }
});

test("messages larger than a packet arrive whole and in order, both ways", LIMIT, () =>
  visit("large", async ({ page, hub, errors }) => {
    await join(page);
    const count = 1500;
    const objects = Array.from({ length: count }, (_, i) => ({ ...RED_BOX, id: `box-${i}`, position: [i % 40, i / 40, -30] }));
    hub.scene("scene.sync", { objects });
    hub.scene("scene.remove", { id: "box-0" });
    hub.json("_agent.status", { status: "idle" });
    await state(page, { objects: String(count - 1) });

    const request = `put ${"a very ".repeat(12_000)}red cube ahead`;
    // The field takes 500 characters; what matters here is the way, not the field.
    await page.$eval("[data-testid=text]", (field) => field.removeAttribute("maxlength"));
    await page.fill("[data-testid=text]", request);
    await page.click("[data-testid=send]");
    await eventually("the long request arrives", () => hub.received("").includes(request));
    assert.deepEqual(errors, []);
  }),
);
