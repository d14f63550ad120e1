import assert from "node:assert/strict";
import { test } from "node:test";

import type { ViewPose } from "../../src/protocol.ts";
import { type Clock, MIN_INTERVAL_MS, PoseSender } from "../../src/view/pose-sender.ts";
import { TURN_STEP_DEG, Viewpoint } from "../../src/view/viewpoint.ts";

/** Where −Z points after the rotation. */
function forward({ orientation: [x, y, z, w] }: ViewPose): number[] {
  return [-2 * (x * z + w * y), -2 * (y * z - w * x), -(1 - 2 * (x * x + y * y))];
}

function near(actual: readonly number[], expected: readonly number[]): void {
  actual.forEach((value, axis) => assert.ok(Math.abs(value - expected[axis]!) < 1e-9, `${actual} is not ${expected}`));
}

test("a person starts at eye height and looks along -Z", () => {
  const { pose } = new Viewpoint();
  near(pose.position, [0, 1.6, 0]);
  near(pose.orientation, [0, 0, 0, 1]);
  assert.equal(pose.fovYDeg, 70);
});

test("six steps to the right look along +X", () => {
  const view = new Viewpoint();
  for (let step = 0; step < 6; step += 1) view.turn(-TURN_STEP_DEG, 0);
  near(forward(view.pose), [1, 0, 0]);
  near(view.pose.orientation, [0, -Math.SQRT1_2, 0, Math.SQRT1_2]);
});

test("looking up raises the view and stops before straight up", () => {
  const view = new Viewpoint();
  view.turn(90, 30);
  near(forward(view.pose), [-Math.cos(Math.PI / 6), 0.5, 0]);
  view.turn(0, 1000);
  assert.ok(forward(view.pose)[1]! < 0.999);
});

test("walking follows the heading and stays on the floor plane", () => {
  const view = new Viewpoint();
  view.turn(-90, -40);
  view.walk(0, 2);
  near(view.pose.position, [2, 1.6, 0]);
  view.walk(1, 0);
  near(view.pose.position, [2, 1.6, 1]);
  view.reset();
  near(view.pose.position, [0, 1.6, 0]);
});

test("nobody walks or turns out of the world", () => {
  const view = new Viewpoint();
  for (let turn = 0; turn < 1000; turn += 1) view.turn(77, 0);
  view.walk(1e6, 1e6);
  assert.ok(view.pose.position.every((value) => Math.abs(value) <= 25));
  assert.ok(view.pose.orientation.every(Number.isFinite));
});

class FakeClock implements Clock {
  ms = 1000;
  #due: { atMs: number; action: () => void }[] = [];

  now(): number {
    return this.ms;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { atMs: this.ms + ms, action };
    this.#due.push(timer);
    return () => (this.#due = this.#due.filter((item) => item !== timer));
  }

  advance(ms: number): void {
    this.ms += ms;
    const ready = this.#due.filter(({ atMs }) => atMs <= this.ms);
    this.#due = this.#due.filter(({ atMs }) => atMs > this.ms);
    for (const { action } of ready) action();
  }
}

function sender() {
  const clock = new FakeClock();
  const sent: { x: number; atMs: number }[] = [];
  const poses = new PoseSender((pose) => sent.push({ x: pose.position[0], atMs: clock.ms }), clock);
  const at = (x: number): ViewPose => ({ position: [x, 1.6, 0], orientation: [0, 0, 0, 1], fovYDeg: 70 });
  return { clock, sent, poses, at };
}

test("a fast turn is sent ten times a second and its end is never lost", () => {
  const { clock, sent, poses, at } = sender();
  for (let step = 0; step <= 100; step += 1) {
    poses.update(at(step));
    clock.advance(10);
  }
  clock.advance(MIN_INTERVAL_MS);
  assert.ok(sent.length >= 10 && sent.length <= 12, `${sent.length} messages in a second`);
  assert.equal(sent.at(-1)?.x, 100);
  sent.slice(1).forEach(({ atMs }, index) => assert.ok(atMs - sent[index]!.atMs >= MIN_INTERVAL_MS));
});

test("a view that stays is sent once", () => {
  const { clock, sent, poses, at } = sender();
  for (let step = 0; step < 50; step += 1) {
    poses.update(at(0.0001 * (step % 2)));
    clock.advance(50);
  }
  assert.equal(sent.length, 1);
});

test("a view that came back within the interval is not sent again", () => {
  const { clock, sent, poses, at } = sender();
  poses.update(at(0));
  poses.update(at(1));
  poses.update(at(0));
  clock.advance(1000);
  assert.deepEqual(sent.map(({ x }) => x), [0]);
});

test("after a reconnect the pose goes out again though it did not change", () => {
  const { clock, sent, poses, at } = sender();
  poses.update(at(3));
  clock.advance(1000);
  poses.resend();
  assert.deepEqual(sent.map(({ x }) => x), [3, 3]);
});
