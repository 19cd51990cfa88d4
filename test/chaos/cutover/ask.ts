import { setTimeout as sleep } from "node:timers/promises";
import type { ChromaClient } from "chromadb";
import type { Round } from "./log.ts";
import type { Random } from "./random.ts";

/** How a request ended. `refused`: nothing was changed. `unknown`: it may be applied, or may be later. */
export type Asked<T> =
  | { readonly outcome: "ok"; readonly value: T; readonly startedAt: number }
  | { readonly outcome: "refused"; readonly error: string; readonly startedAt: number }
  | { readonly outcome: "unknown"; readonly startedAt: number };

/** Milliseconds until a request counts as lost. A write waits for a change of phase for 15 s. */
const LOST_MS = 40_000;

/** Errors of the client for responses of 5xx and without a response. */
const UNAVAILABLE: ReadonlySet<string> = new Set(["ChromaServerError", "ChromaConnectionError", "TypeError", "Lost"]);

/** What Chroma 1.0 responds with 500 when it has changes of a collection, and none of them has a vector. */
const NO_INDEX = "Nothing found on disk";

/** Sends a request through a random gateway. A failure without a fault is a violation. */
export async function ask<T>(
  round: Round,
  random: Random,
  { what, work }: { readonly what: string; readonly work: (client: ChromaClient) => Promise<T> },
): Promise<Asked<T>> {
  const { world, log } = round;
  const gateway = random.below(world.gateways.length);
  const startedAt = Date.now();
  let timer: NodeJS.Timeout | undefined;
  const lost = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error("no answer"), { name: "Lost" })), LOST_MS);
  });
  try {
    const value = await Promise.race([work(world.client(gateway)), lost]);
    log.note(`g${gateway} ${what}: ok after ${Date.now() - startedAt} ms`);
    return { outcome: "ok", value, startedAt };
  } catch (error) {
    const { name, message } = error as Error;
    log.note(`g${gateway} ${what}: ${name} ${message} after ${Date.now() - startedAt} ms`);
    const isBusy = name === "ChromaRateLimitError";
    const isUnavailable = UNAVAILABLE.has(name);
    if (isBusy || isUnavailable) {
      log.count("failed requests");
      if (!log.isExcused(startedAt) && !message.includes(NO_INDEX))
        log.violate(`${what} failed without a fault: ${name} ${message}`);
    }
    if (isUnavailable) await sleep(200);
    return isUnavailable
      ? { outcome: "unknown", startedAt }
      : { outcome: "refused", error: `${name} ${message}`, startedAt };
  } finally {
    clearTimeout(timer);
  }
}
