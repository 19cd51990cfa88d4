import { isIPv6 } from "node:net";
import { LRUCache } from "lru-cache";
import { HttpError } from "../problem/http-error.ts";

/** Addresses that are counted at the same time. The least recently used one beyond them is forgotten. */
const MAX_ADDRESSES = 10_000;
const WINDOW_MS = 60_000;

interface Count {
  failures: number;
  /** Milliseconds since 1970. */
  readonly resetsAt: number;
}

/** Limits the invalid keys that an address may try. */
export interface Throttle {
  /** Counts one attempt. Throws `rate_limited` if the address has used its attempts of this minute. */
  take(address: string | undefined): void;
  /** Takes the attempt back: the key was valid. */
  giveBack(address: string | undefined): void;
}

/** Creates a throttle that allows `perMinute` invalid keys per address and minute. Undefined addresses are not counted. */
export function createThrottle(perMinute: number): Throttle {
  const counts = new LRUCache<string, Count>({ max: MAX_ADDRESSES });
  return {
    take(address) {
      if (address === undefined) return;
      const id = networkOf(address);
      const now = Date.now();
      const existing = counts.get(id);
      const count = existing && existing.resetsAt > now ? existing : { failures: 0, resetsAt: now + WINDOW_MS };
      if (count !== existing) counts.set(id, count);
      if (count.failures >= perMinute)
        throw new HttpError(
          "rate_limited",
          `This address has sent ${perMinute} invalid keys within a minute. Check the key, and try again later.`,
          { retryAfter: Math.ceil((count.resetsAt - now) / 1_000) },
        );
      count.failures++;
    },
    giveBack(address) {
      const count = address === undefined ? undefined : counts.get(networkOf(address));
      if (count && count.failures > 0) count.failures--;
    },
  };
}

/** The address; for IPv6 its first 64 bits, because a subscriber has all addresses below them. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("%", 1)[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  const lastGroups = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - lastGroups.length);
  const all = [...groups, ...Array<string>(zeros).fill("0"), ...lastGroups];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
