import { isIPv6 } from "node:net";
import { LRUCache } from "lru-cache";
import { HttpError } from "../problem/http-error.ts";

/** Addresses that are counted at once; one beyond them begins its minute again. */
const MAX_ADDRESSES = 10_000;
const MINUTE = 60_000;

interface Count {
  failures: number;
  readonly until: number;
}

/** Counts by address what turns out to be no key, and stops addresses that try many. */
export interface Throttle {
  /** Counts one try. Throws `rate_limited` where the address has had its tries of the minute. */
  take(address: string | undefined): void;
  /** The try was a good key: it does not count. */
  giveBack(address: string | undefined): void;
}

/** Lets an address try `perMinute` unknown keys a minute. Addresses that are not known are not counted. */
export function createThrottle(perMinute: number): Throttle {
  const counts = new LRUCache<string, Count>({ max: MAX_ADDRESSES });
  return {
    take(address) {
      if (address === undefined) return;
      const id = networkOf(address);
      const now = Date.now();
      const known = counts.get(id);
      const count = known && known.until > now ? known : { failures: 0, until: now + MINUTE };
      if (count !== known) counts.set(id, count);
      if (count.failures >= perMinute)
        throw new HttpError(
          "rate_limited",
          `From this address came ${perMinute} keys within a minute that are not in force. Check the key, and wait.`,
          { retryAfter: Math.ceil((count.until - now) / 1_000) },
        );
      count.failures++;
    },
    giveBack(address) {
      const count = address === undefined ? undefined : counts.get(networkOf(address));
      if (count && count.failures > 0) count.failures--;
    },
  };
}

/** Of IPv6 the first 64 bits: a subscriber has all addresses behind them. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("%", 1)[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  const behind = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - behind.length);
  const all = [...groups, ...Array<string>(zeros).fill("0"), ...behind];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
