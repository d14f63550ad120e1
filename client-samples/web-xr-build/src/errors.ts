/** What can go wrong for the person at the page, each as one sentence that names the repair. */

export type ErrorKind =
  | "hub-unreachable"
  | "join-code"
  | "token-refused"
  | "hub-absent"
  | "media-blocked"
  | "replaced"
  | "removed"
  | "mic-insecure"
  | "mic-denied"
  | "mic-missing"
  | "mic-busy"
  | "camera-insecure"
  | "camera-denied"
  | "camera-missing"
  | "camera-busy"
  | "xr-failed"
  | "not-connected"
  | "no-webgl";

/** An error whose message can be shown as it is. */
export class ClientError extends Error {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ClientError";
    this.kind = kind;
  }
}

/** Data from the hub that does not follow the contract: logged and survived, never shown. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

type Device = "mic" | "camera";

const DEVICE_WORDS: Record<Device, { noun: string; fallback: string }> = {
  mic: { noun: "microphone", fallback: " Until then you can type." },
  camera: { noun: "camera", fallback: "" },
};

/** The sentence for a device that the browser would not give; `cause` is what getUserMedia threw. */
export function deviceError(device: Device, cause: unknown): ClientError {
  const { noun, fallback } = DEVICE_WORDS[device];
  const name = cause instanceof Error ? cause.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") {
    return new ClientError(
      `${device}-denied`,
      `The browser blocks the ${noun}: allow it in the site settings beside the address, then press the ${noun} button.${fallback}`,
      { cause },
    );
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return new ClientError(
      `${device}-missing`,
      `No ${noun} was found: connect one, then press the ${noun} button.${fallback}`,
      { cause },
    );
  }
  return new ClientError(
    `${device}-busy`,
    `The ${noun} did not start, perhaps because another program uses it: close that, then press the ${noun} button.${fallback}`,
    { cause },
  );
}

/** The sentence for a page that is not served securely, where browsers offer no devices at all. */
export function insecureContextError(device: Device, location: Location): ClientError {
  const { noun, fallback } = DEVICE_WORDS[device];
  return new ClientError(
    `${device}-insecure`,
    `Browsers give the ${noun} to secure pages only: open https://${location.host}/ instead.${fallback}`,
  );
}

/** Any thrown value as something that can be shown. */
export function asClientError(error: unknown, kind: ErrorKind, sentence: string): ClientError {
  return error instanceof ClientError ? error : new ClientError(kind, sentence, { cause: error });
}
