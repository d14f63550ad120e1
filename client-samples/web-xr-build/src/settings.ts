/** The choices that this browser remembers between visits. */

const ALWAYS_LOOK_KEY = "xr-camera-always";

export const settings = {
  /** The agent may turn on the camera without asking. */
  get cameraAlwaysAllowed(): boolean {
    return read(ALWAYS_LOOK_KEY) === "true";
  },
  set cameraAlwaysAllowed(on: boolean) {
    write(ALWAYS_LOOK_KEY, String(on));
  },
};

/** Storage throws where the person turned it off; the page works without memory. */
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Not remembered: the choice holds for this visit only.
  }
}
