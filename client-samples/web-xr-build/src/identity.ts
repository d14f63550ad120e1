/** Who this page is in the room, and what its address asks for. */

export interface PageOptions {
  readonly identity: string | null;
  readonly code: string | null;
  readonly autojoin: boolean;
}

/** Reads `?identity=`, `?code=` and `?autojoin=1`. */
export function pageOptions(search: string): PageOptions {
  const query = new URLSearchParams(search);
  const given = (name: string) => query.get(name)?.trim() || null;
  return { identity: given("identity"), code: given("code"), autojoin: ["1", "true"].includes(given("autojoin") ?? "") };
}

const STORAGE_KEY = "xr-identity";
/** A reloading tab's old page may hold its name for a moment longer. */
const CLAIM_TIMEOUT_MS = 500;
// No letters or digits that look alike: people read these names to each other.
const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";
const SUFFIX_LENGTH = 6;

/** A fresh `guest-xxxxxx`. Uses getRandomValues because randomUUID does not exist on plain http. */
export function newIdentity(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SUFFIX_LENGTH));
  return `guest-${Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("")}`;
}

/**
 * The name for this tab: the one in the address, else one kept for the tab's lifetime.
 *
 * A duplicated tab starts with a copy of sessionStorage, and two participants with one name evict each other, so the
 * stored name counts only when no other tab holds its lock.
 */
export async function claimIdentity(
  given: string | null,
  storage: Pick<Storage, "getItem" | "setItem"> = tabStorage(),
  locks: LockManager | null = navigator.locks ?? null,
): Promise<string> {
  if (given) return given;
  const stored = storage.getItem(STORAGE_KEY);
  if (stored && (await claimed(stored, locks))) return stored;
  const fresh = newIdentity();
  await claimed(fresh, locks);
  storage.setItem(STORAGE_KEY, fresh);
  return fresh;
}

/** The tab's own storage, or a forgetful one where the person turned storage off (reading it throws there). */
function tabStorage(): Pick<Storage, "getItem" | "setItem"> {
  try {
    return sessionStorage;
  } catch {
    return { getItem: () => null, setItem: () => undefined };
  }
}

/** True when this page now holds the name until it closes. Without locks (plain http) no stored name is trusted. */
async function claimed(identity: string, locks: LockManager | null): Promise<boolean> {
  if (!locks) return false;
  return new Promise((resolve) => {
    const holdUntilPageCloses = () => {
      resolve(true);
      return new Promise<never>(() => undefined);
    };
    locks
      .request(`xr-identity:${identity}`, { signal: AbortSignal.timeout(CLAIM_TIMEOUT_MS) }, holdUntilPageCloses)
      .catch(() => resolve(false));
  });
}
