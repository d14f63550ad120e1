/** Asks the hub for the token, room and address with which this participant connects. */
import { ClientError } from "./errors.ts";

export interface Grant {
  readonly token: string;
  readonly url: string;
  readonly room: string;
  /** The name the hub really gave, which may differ from the one asked for. */
  readonly identity: string;
  /** Whether the hub keeps this participant's camera and microphone. */
  readonly recording: boolean;
}

const TIMEOUT_MS = 10_000;

/** Throws ClientError: hub-unreachable, join-code (one is needed, or the one given is wrong) or token-refused. */
export async function fetchGrant(identity: string, code: string | null, fetcher: typeof fetch = fetch): Promise<Grant> {
  const query = new URLSearchParams({ identity, ...(code !== null && { code }) });
  let response: Response;
  try {
    response = await fetcher(`/token?${query}`, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (cause) {
    throw new ClientError("hub-unreachable", "The hub does not answer: check that it is running, then join again.", { cause });
  }
  if (!response.ok) throw await refusal(response, code);
  return grantFrom(await response.json().catch(() => null), identity);
}

function grantFrom(body: unknown, asked: string): Grant {
  const { token, url, room, identity, recording } = (body ?? {}) as Record<string, unknown>;
  if (typeof token !== "string" || typeof url !== "string") {
    throw new ClientError(
      "token-refused",
      "Something other than the hub answered /token: open the address that the hub prints when it starts.",
    );
  }
  return {
    token,
    url,
    room: typeof room === "string" ? room : "",
    identity: typeof identity === "string" ? identity : asked,
    recording: recording === true,
  };
}

async function refusal(response: Response, code: string | null): Promise<ClientError> {
  if (response.status >= 500) {
    return new ClientError("hub-unreachable", "The hub is not ready yet: wait a moment, then join again.");
  }
  const words = await reason(response);
  if (response.status === 401 || /\bjoin code\b/i.test(words)) {
    return new ClientError(
      "join-code",
      code === null
        ? "This room needs a join code: type the one that the host gave you."
        : "That join code was not accepted: ask the host for the current one.",
    );
  }
  return new ClientError("token-refused", `The hub refused to let you in: ${words}`);
}

/** The hub's own words when it gave some. */
async function reason(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  const { detail, error } = (body ?? {}) as Record<string, unknown>;
  const words = [detail, error].find((value) => typeof value === "string");
  return typeof words === "string" ? words : `its answer was ${response.status}; reload the page and join again.`;
}
