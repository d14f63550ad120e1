/** How loud an audio track is right now. */

const WINDOW_SAMPLES = 1024;

/** One context for all meters: browsers limit how many a page may open. */
let sharedContext: AudioContext | null = null;

function context(): AudioContext {
  sharedContext ??= new AudioContext();
  return sharedContext;
}

/** Starts measuring in browsers that wait for a click; call from one. */
export async function resumeMeters(): Promise<void> {
  if (sharedContext?.state === "suspended") await sharedContext.resume();
}

export class AudioMeter {
  readonly #samples = new Float32Array(WINDOW_SAMPLES);
  #source: MediaStreamAudioSourceNode | null = null;
  #analyser: AnalyserNode | null = null;

  /** Measures this track from now on; null measures nothing. */
  attach(track: MediaStreamTrack | null): void {
    this.#source?.disconnect();
    this.#source = null;
    this.#analyser = null;
    if (!track) return;
    this.#source = context().createMediaStreamSource(new MediaStream([track]));
    this.#analyser = context().createAnalyser();
    this.#analyser.fftSize = WINDOW_SAMPLES;
    this.#source.connect(this.#analyser);
    void resumeMeters();
  }

  /** RMS of the last 20 ms or so, 0..1; 0 without a track. */
  get level(): number {
    if (!this.#analyser) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.sqrt(sum / WINDOW_SAMPLES);
  }
}
