/** Real parts for the browser tests: livekit-server, the page's files over http, a stand-in hub, Chromium. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type Server, createServer } from "node:http";
import { createConnection, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize, resolve } from "node:path";
import { createInterface } from "node:readline";

import { encode } from "@msgpack/msgpack";
import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";

const BUILD_DIR = process.cwd();
const ROOT = resolve(BUILD_DIR, "../..");
const PAGE_DIR = resolve(BUILD_DIR, "../web-xr");
const PYTHON = process.env["XR_PYTHON"] ?? join(ROOT, ".venv/bin/python");
const CHROMIUM = process.env["CHROMIUM_BIN"] ?? "/usr/bin/chromium";
const DEADLINE_MS = 20_000;
const API_KEY = "test";

/** Waits until `read` gives something other than null, false or undefined. */
export async function eventually<T>(what: string, read: () => T | Promise<T>, deadlineMs = DEADLINE_MS): Promise<NonNullable<T>> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const value = await read();
    if (value !== null && value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`${what}: not so within ${deadlineMs} ms`);
    await new Promise((next) => setTimeout(next, 40));
  }
}

async function freePort(): Promise<number> {
  const probe = createTcpServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  // A child that reads its end from stdin may be leaving by itself; it gets the same grace.
  if (!child.stdin) child.kill("SIGTERM");
  const hard = setTimeout(() => child.kill("SIGKILL"), 5000);
  await exit;
  clearTimeout(hard);
}

/** One livekit-server on free loopback ports. */
export class MediaServer {
  readonly url: string;
  readonly secret = randomBytes(32).toString("hex");
  readonly #port: number;
  #process: ChildProcess | null = null;
  #folder = "";

  private constructor(port: number) {
    this.#port = port;
    this.url = `ws://127.0.0.1:${port}`;
  }

  static async start(): Promise<MediaServer> {
    const server = new MediaServer(await freePort());
    await server.#start();
    return server;
  }

  async #start(): Promise<void> {
    const candidates = [process.env["LIVEKIT_SERVER_BIN"], join(ROOT, "deps/livekit-server/server"), join(ROOT, "deps/livekit-server/livekit-server")];
    const binary = candidates.find((path) => path && existsSync(path)) ?? "livekit-server";
    this.#folder = await mkdtemp(join(tmpdir(), "web-xr-"));
    const config = {
      port: this.#port,
      bind_addresses: ["127.0.0.1"],
      rtc: { tcp_port: await freePort(), udp_port: await freePort(), use_external_ip: false, node_ip: "127.0.0.1", enable_loopback_candidate: true },
      keys: { [API_KEY]: this.secret },
      logging: { level: "error" },
    };
    const path = join(this.#folder, "livekit.yaml");
    await writeFile(path, JSON.stringify(config));
    this.#process = spawn(binary, ["--config", path], { stdio: ["ignore", "inherit", "inherit"] });
    await eventually("livekit-server accepts connections", () => this.#accepts());
  }

  async #accepts(): Promise<boolean> {
    const socket = createConnection(this.#port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  }

  token(identity: string, room: string): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: API_KEY, sub: identity, nbf: now - 5, exp: now + 600, video: { roomJoin: true, room } };
    const body = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
    return `${body}.${createHmac("sha256", this.secret).update(body).digest("base64url")}`;
  }

  async stop(): Promise<void> {
    if (this.#process) await stopped(this.#process);
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }
}

const MIME: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".js": "text/javascript",
  ".woff2": "font/woff2",
};

/** Serves the page and `/token`, as the hub would; a room per participant. */
export class PageServer {
  readonly requests: string[] = [];
  joinCode: string | null = null;
  recording = false;
  url = "";
  readonly #media: MediaServer;
  readonly #server: Server;

  private constructor(media: MediaServer) {
    this.#media = media;
    this.#server = createServer((request, response) => {
      const target = new URL(request.url ?? "/", "http://local");
      this.requests.push(target.pathname);
      const answer = target.pathname === "/token" ? this.#token(target.searchParams) : this.#file(target.pathname);
      void answer.then(({ status, type, body }) => response.writeHead(status, { "content-type": type }).end(body));
    });
  }

  static async start(media: MediaServer): Promise<PageServer> {
    const server = new PageServer(media);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    // By this name Chromium takes the page for secure, as it would with the hub's certificate.
    server.url = `http://localhost:${(server.#server.address() as { port: number }).port}/`;
    return server;
  }

  async #token(query: URLSearchParams) {
    const json = (status: number, value: object) => ({ status, type: "application/json", body: JSON.stringify(value) });
    if (this.joinCode !== null && query.get("code") !== this.joinCode) return json(403, { error: "a join code is needed" });
    const identity = query.get("identity") ?? "";
    const room = `room-${identity}`;
    return json(200, { token: this.#media.token(identity, room), room, identity, url: this.#media.url, recording: this.recording });
  }

  async #file(path: string) {
    const file = join(PAGE_DIR, normalize(path === "/" ? "/index.html" : path));
    try {
      return { status: 200, type: MIME[extname(file)] ?? "application/octet-stream", body: await readFile(file) };
    } catch {
      return { status: 404, type: "text/plain", body: "not found" };
    }
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

export interface HubEvent {
  readonly event: "joined" | "participant" | "left" | "data" | "track" | "audio";
  readonly topic?: string;
  readonly base64?: string;
  readonly identity?: string;
  readonly kind?: string;
  readonly peak?: number;
}

/** The stand-in hub of one participant's room. */
export class Hub {
  readonly events: HubEvent[] = [];
  readonly #process: ChildProcess;

  private constructor(media: MediaServer, identity: string) {
    const options = { url: media.url, room: `room-${identity}`, key: API_KEY, secret: media.secret, participant: identity };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    this.#process = spawn(PYTHON, [join(BUILD_DIR, "tests/browser/hub.py"), ...args], { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.#process.stdout! }).on("line", (line) => this.events.push(JSON.parse(line) as HubEvent));
  }

  static async start(media: MediaServer, identity: string): Promise<Hub> {
    const hub = new Hub(media, identity);
    await eventually("the stand-in hub is in the room", () => hub.events.some(({ event }) => event === "joined"));
    return hub;
  }

  data(topic: string, payload: Uint8Array | string): void {
    this.#command({ do: "data", topic, base64: Buffer.from(payload).toString("base64") });
  }

  scene(op: string, value: object): void {
    this.data("scene", encode({ op, value }));
  }

  json(topic: string, value: object): void {
    this.data(topic, JSON.stringify(value));
  }

  tone(seconds: number): void {
    this.#command({ do: "tone", seconds });
  }

  /** Payloads received on a topic, as text, oldest first. */
  received(topic: string): string[] {
    return this.events
      .filter((event) => event.event === "data" && event.topic === topic)
      .map((event) => Buffer.from(event.base64 ?? "", "base64").toString());
  }

  async stop(): Promise<void> {
    this.#process.stdin!.end();
    await stopped(this.#process);
  }

  #command(command: object): void {
    this.#process.stdin!.write(`${JSON.stringify(command)}\n`);
  }
}

export async function launchChromium(flags: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--use-angle=swiftshader",
      "--enable-unsafe-swiftshader",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...flags,
    ],
  });
}

export const FAKE_DEVICES = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"];

/** Opens the page and collects every error that a person would find in the console. */
export async function openPage(context: BrowserContext, url: string): Promise<{ page: Page; errors: string[] }> {
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.goto(url);
  await page.waitForSelector('html[data-page="ready"]');
  return { page, errors };
}

/** The mean colour of a small square of what is on the screen, 0..255. */
export async function pixel(page: Page, x: number, y: number): Promise<[number, number, number]> {
  const png = await page.screenshot({ clip: { x: Math.round(x) - 4, y: Math.round(y) - 4, width: 8, height: 8 } });
  return page.evaluate(async (base64) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
    const paint = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d")!;
    paint.drawImage(bitmap, 0, 0);
    const { data } = paint.getImageData(0, 0, bitmap.width, bitmap.height);
    const sum: [number, number, number] = [0, 0, 0];
    for (let at = 0; at < data.length; at += 4) for (let band = 0; band < 3; band += 1) sum[band]! += data[at + band]!;
    return sum.map((value) => Math.round(value / (data.length / 4))) as [number, number, number];
  }, png.toString("base64"));
}
