/** The data messages between this page and the agent: topics, and bytes to checked values and back. */
import { decode } from "@msgpack/msgpack";

import { ProtocolError } from "./errors.ts";

/** The hub's identity in the room: the only sender that is believed and the only addressee. */
export const HUB_IDENTITY = "xr-hub-connector";
/** The hub's audio track for one participant is named by this prefix and the participant's identity. */
export const RETURN_TRACK_PREFIX = "xr-hub-return-";

/** Topics that this page sends. */
export const SENT = {
  text: "",
  pose: "view.pose",
  hello: "scene.hello",
  xrStarted: "xr.session.started",
} as const;

export type Vec3 = readonly [number, number, number];
export type Quaternion = readonly [number, number, number, number];

/** Where the person looks from, in the scene's frame (OpenXR STAGE: metres, +Y up, −Z forward). */
export interface ViewPose {
  readonly position: Vec3;
  readonly orientation: Quaternion;
  readonly fovYDeg: number;
}

export type ShapeType = "box" | "sphere";

/** One object; `size` is a box's half-edge or a sphere's radius in metres, colours are 0..1. */
export interface SceneObject {
  readonly id: string;
  readonly type: ShapeType;
  readonly position: Vec3;
  readonly color: Vec3;
  readonly size: number;
}

export type SceneChange = { readonly id: string } & Partial<Omit<SceneObject, "id">>;

export type SceneOp =
  | { readonly op: "scene.sync"; readonly objects: readonly SceneObject[] }
  | { readonly op: "scene.add"; readonly object: SceneObject }
  | { readonly op: "scene.update"; readonly change: SceneChange }
  | { readonly op: "scene.remove"; readonly id: string };

export const AGENT_STATUSES = ["loading", "idle", "listening", "processing", "speaking"] as const;
export type AgentStatus = (typeof AGENT_STATUSES)[number];

export interface Transcript {
  readonly text: string;
  readonly final: boolean;
  readonly confidence: number | null;
  readonly source: "voice" | "typed";
}

export type AgentMessage =
  | { readonly kind: "transcript"; readonly transcript: Transcript }
  | { readonly kind: "progress"; readonly text: string }
  | { readonly kind: "response"; readonly text: string }
  | { readonly kind: "status"; readonly status: AgentStatus }
  | { readonly kind: "poseRequest" }
  | { readonly kind: "renderReady" }
  | { readonly kind: "renderFailed"; readonly reason: string }
  | { readonly kind: "camera"; readonly action: "startCamera" | "stopCamera" }
  | { readonly kind: "scene"; readonly op: SceneOp }
  | { readonly kind: "unknown"; readonly topic: string };

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder();

export const encodeText = (text: string): Uint8Array<ArrayBuffer> => utf8Encoder.encode(text);

/** A view pose as the bytes of `view.pose`; lengths keep 0.1 mm, quaternions 5 digits. */
export function encodePose(pose: ViewPose): Uint8Array<ArrayBuffer> {
  const rounded = (values: readonly number[], digits: number) => values.map((value) => Number(value.toFixed(digits)));
  return encodeText(
    JSON.stringify({
      position: rounded(pose.position, 4),
      orientation: rounded(pose.orientation, 5),
      fov_y_deg: Number(pose.fovYDeg.toFixed(2)),
    }),
  );
}

const readers: Record<string, (payload: Uint8Array) => AgentMessage> = {
  "agent.transcript": (payload) => ({ kind: "transcript", transcript: transcriptFrom(json(payload)) }),
  "agent.progress": (payload) => ({ kind: "progress", text: utf8Decoder.decode(payload) }),
  "agent.response": (payload) => ({ kind: "response", text: utf8Decoder.decode(payload) }),
  // The reply topic of agents that answer about the camera image.
  "vlm.response": (payload) => ({ kind: "response", text: utf8Decoder.decode(payload) }),
  "_agent.status": (payload) => ({ kind: "status", status: oneOf(json(payload)["status"], AGENT_STATUSES, "status") }),
  "view.request": () => ({ kind: "poseRequest" }),
  "render.ready": () => ({ kind: "renderReady" }),
  "render.failed": (payload) => ({ kind: "renderFailed", reason: utf8Decoder.decode(payload) }),
  clientControl: (payload) => ({
    kind: "camera",
    action: oneOf(json(payload)["action"], ["startCamera", "stopCamera"] as const, "action"),
  }),
  scene: (payload) => ({ kind: "scene", op: decodeSceneOp(payload) }),
};

/** Topics that this page understands. */
export const RECEIVED_TOPICS = Object.keys(readers);

/** Reads one message of the hub. Throws ProtocolError for bytes that break the contract. */
export function decodeMessage(topic: string, payload: Uint8Array): AgentMessage {
  const read = Object.hasOwn(readers, topic) ? readers[topic] : undefined;
  return read ? read(payload) : { kind: "unknown", topic };
}

/** Reads one msgpack `{op, value}`. Throws ProtocolError naming the field at fault. */
export function decodeSceneOp(payload: Uint8Array): SceneOp {
  let message: unknown;
  try {
    message = decode(payload);
  } catch (cause) {
    throw new ProtocolError("scene: payload is not msgpack", { cause });
  }
  const { op, value } = record(message, "scene");
  const fields = record(value, `${String(op)}.value`);
  switch (op) {
    case "scene.sync":
      return { op, objects: list(fields["objects"], "objects").map((item) => sceneObject(record(item, "object"))) };
    case "scene.add":
      return { op, object: sceneObject(fields) };
    case "scene.update":
      return { op, change: sceneChange(fields) };
    case "scene.remove":
      return { op, id: text(fields["id"], "id") };
    default:
      throw new ProtocolError(`scene: unknown op ${JSON.stringify(op)}`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

const SHAPES = ["box", "sphere"] as const;

function sceneObject(fields: Fields): SceneObject {
  return {
    id: text(fields["id"], "id"),
    type: oneOf(fields["type"], SHAPES, "type"),
    position: vec3(fields["position"], "position"),
    color: vec3(fields["color"], "color"),
    size: positive(fields["size"], "size"),
  };
}

function sceneChange(fields: Fields): SceneChange {
  return {
    id: text(fields["id"], "id"),
    ...("type" in fields && { type: oneOf(fields["type"], SHAPES, "type") }),
    ...("position" in fields && { position: vec3(fields["position"], "position") }),
    ...("color" in fields && { color: vec3(fields["color"], "color") }),
    ...("size" in fields && { size: positive(fields["size"], "size") }),
  };
}

function transcriptFrom(fields: Fields): Transcript {
  const confidence = fields["confidence"];
  return {
    text: text(fields["text"], "text"),
    final: fields["final"] !== false,
    confidence: typeof confidence === "number" ? confidence : null,
    source: fields["source"] === "typed" ? "typed" : "voice",
  };
}

function json(payload: Uint8Array): Fields {
  try {
    return record(JSON.parse(utf8Decoder.decode(payload)), "payload");
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    throw new ProtocolError("payload is not JSON", { cause });
  }
}

function record(value: unknown, where: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw new ProtocolError(`${where}: expected a map, found ${JSON.stringify(value)}`);
}

function list(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new ProtocolError(`${where}: expected a list, found ${JSON.stringify(value)}`);
}

function text(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  throw new ProtocolError(`${where}: expected text, found ${JSON.stringify(value)}`);
}

function finite(value: unknown, where: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new ProtocolError(`${where}: expected a finite number, found ${JSON.stringify(value)}`);
}

function positive(value: unknown, where: string): number {
  const number = finite(value, where);
  if (number > 0) return number;
  throw new ProtocolError(`${where}: expected more than 0, found ${number}`);
}

function vec3(value: unknown, where: string): Vec3 {
  const items = list(value, where);
  if (items.length !== 3) throw new ProtocolError(`${where}: expected 3 numbers, found ${items.length}`);
  return [finite(items[0], where), finite(items[1], where), finite(items[2], where)];
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], where: string): T {
  const found = allowed.find((item) => item === value);
  if (found !== undefined) return found;
  throw new ProtocolError(`${where}: expected ${allowed.join(" | ")}, found ${JSON.stringify(value)}`);
}
