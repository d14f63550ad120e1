/** A person standing on the scene's floor: where they are and which way they look. */
import type { Quaternion, Vec3, ViewPose } from "../protocol.ts";

export const EYE_HEIGHT_M = 1.6;
export const FOV_Y_DEG = 70;
export const TURN_STEP_DEG = 15;
/** Straight up and down are left out: there, left and right lose their meaning. */
const PITCH_LIMIT_DEG = 85;
/** Far enough for any scene, near enough never to be lost. */
const WALK_LIMIT_M = 25;

const radians = (degrees: number) => (degrees * Math.PI) / 180;
const clamp = (value: number, limit: number) => Math.max(-limit, Math.min(limit, value));

export class Viewpoint {
  #x = 0;
  #z = 0;
  #yawDeg = 0;
  #pitchDeg = 0;

  /** Positive yaw turns left, positive pitch looks up. */
  turn(yawDeg: number, pitchDeg: number): void {
    this.#yawDeg = ((((this.#yawDeg + yawDeg + 180) % 360) + 360) % 360) - 180;
    this.#pitchDeg = clamp(this.#pitchDeg + pitchDeg, PITCH_LIMIT_DEG);
  }

  /** Moves on the floor plane along the current heading, whatever the pitch. */
  walk(rightM: number, forwardM: number): void {
    const yaw = radians(this.#yawDeg);
    this.#x = clamp(this.#x + rightM * Math.cos(yaw) - forwardM * Math.sin(yaw), WALK_LIMIT_M);
    this.#z = clamp(this.#z - rightM * Math.sin(yaw) - forwardM * Math.cos(yaw), WALK_LIMIT_M);
  }

  reset(): void {
    this.#x = this.#z = this.#yawDeg = this.#pitchDeg = 0;
  }

  get pose(): ViewPose {
    const position: Vec3 = [this.#x, EYE_HEIGHT_M, this.#z];
    return { position, orientation: yawPitchQuaternion(this.#yawDeg, this.#pitchDeg), fovYDeg: FOV_Y_DEG };
  }
}

/** Yaw about +Y, then pitch about the turned +X. */
export function yawPitchQuaternion(yawDeg: number, pitchDeg: number): Quaternion {
  const yaw = radians(yawDeg) / 2;
  const pitch = radians(pitchDeg) / 2;
  return [
    Math.sin(pitch) * Math.cos(yaw),
    Math.cos(pitch) * Math.sin(yaw),
    -Math.sin(pitch) * Math.sin(yaw),
    Math.cos(pitch) * Math.cos(yaw),
  ];
}
