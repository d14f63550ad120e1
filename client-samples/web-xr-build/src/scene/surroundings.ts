/** What is there before anything is: sky, floor and light. */
import {
  BackSide,
  Color,
  DirectionalLight,
  Group,
  HemisphereLight,
  Mesh,
  PlaneGeometry,
  ShaderMaterial,
  SphereGeometry,
} from "three";

const SKY_RADIUS_M = 180;
const FLOOR_SIZE_M = 240;
const FLOOR_COLOR = new Color("#10141f");
const LINE_COLOR = new Color("#8ea6d6");
const HORIZON_COLOR = new Color("#33456e");
const ZENITH_COLOR = new Color("#070910");

const SKY_VERTEX = /* glsl */ `
  varying vec3 vDirection;
  void main() {
    vDirection = position;
    gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
  }`;

const SKY_FRAGMENT = /* glsl */ `
  uniform vec3 horizon;
  uniform vec3 zenith;
  varying vec3 vDirection;
  float dither(vec2 p) { return fract(sin(dot(p, vec2(12.9898, 78.233))) * 43758.5453) / 255.0; }
  void main() {
    float height = max(normalize(vDirection).y, 0.0);
    // A narrow band of light over the horizon, then a long fall into the dark.
    vec3 color = mix(horizon, zenith, 1.0 - exp(-height * 4.2));
    color += horizon * 0.35 * exp(-height * 26.0);
    gl_FragColor = vec4(color, 1.0);
    #include <colorspace_fragment>
    gl_FragColor.rgb += dither(gl_FragCoord.xy);
  }`;

const FLOOR_VERTEX = /* glsl */ `
  varying vec3 vWorld;
  void main() {
    vec4 world = modelMatrix * vec4(position, 1.0);
    vWorld = world.xyz;
    gl_Position = projectionMatrix * viewMatrix * world;
  }`;

// Lines are drawn by distance in pixels (fwidth), so they stay one pixel wide and fade instead of shimmering.
const FLOOR_FRAGMENT = /* glsl */ `
  uniform vec3 ground;
  uniform vec3 line;
  uniform vec3 horizon;
  uniform float opacity;
  varying vec3 vWorld;
  float grid(vec2 at, float cell) {
    vec2 scaled = at / cell;
    vec2 width = fwidth(scaled);
    vec2 nearest = abs(fract(scaled - 0.5) - 0.5) / max(width, vec2(1e-5));
    float seen = 1.0 - smoothstep(0.15, 0.6, max(width.x, width.y));
    return (1.0 - min(min(nearest.x, nearest.y), 1.0)) * seen;
  }
  void main() {
    float distance = length(vWorld.xz - cameraPosition.xz);
    float near = exp(-distance * 0.05);
    float lines = grid(vWorld.xz, 1.0) * 0.15 + grid(vWorld.xz, 5.0) * 0.13;
    vec3 color = mix(ground, line, lines * near);
    float haze = 1.0 - exp(-distance * 0.028);
    color = mix(color, horizon * 1.35, haze);
    gl_FragColor = vec4(color, opacity);
    #include <colorspace_fragment>
  }`;

export class Surroundings extends Group {
  readonly #sky: Mesh;
  readonly #floor: Mesh<PlaneGeometry, ShaderMaterial>;

  constructor() {
    super();
    this.#sky = new Mesh(
      new SphereGeometry(SKY_RADIUS_M, 48, 24),
      new ShaderMaterial({
        uniforms: { horizon: { value: HORIZON_COLOR }, zenith: { value: ZENITH_COLOR } },
        vertexShader: SKY_VERTEX,
        fragmentShader: SKY_FRAGMENT,
        side: BackSide,
        depthWrite: false,
      }),
    );
    this.#floor = new Mesh(
      new PlaneGeometry(FLOOR_SIZE_M, FLOOR_SIZE_M).rotateX(-Math.PI / 2),
      new ShaderMaterial({
        uniforms: {
          ground: { value: FLOOR_COLOR },
          line: { value: LINE_COLOR },
          horizon: { value: HORIZON_COLOR },
          opacity: { value: 1 },
        },
        vertexShader: FLOOR_VERTEX,
        fragmentShader: FLOOR_FRAGMENT,
        transparent: true,
      }),
    );
    // Behind everything see-through, shadows on the floor above all.
    this.#sky.renderOrder = -2;
    this.#floor.renderOrder = -1;
    this.add(this.#sky, this.#floor, ...lights());
  }

  /** The real room is the background of a see-through headset; only the light stays. */
  set seeThrough(on: boolean) {
    this.#sky.visible = !on;
    this.#floor.visible = !on;
  }

  /** The sky and floor have no edge to walk to. */
  follow(x: number, z: number): void {
    this.#sky.position.set(x, 0, z);
    this.#floor.position.set(x, 0, z);
  }
}

function lights() {
  const key = new DirectionalLight("#fff6ea", 2.3);
  key.position.set(2.2, 4, 4.5);
  // From behind, so that an edge stands out of the dark even on the side away from the key light.
  const rim = new DirectionalLight("#b9ccff", 0.9);
  rim.position.set(-3, 2.5, -4);
  return [new HemisphereLight("#eef2ff", "#6b7290", 1.5), key, rim];
}
