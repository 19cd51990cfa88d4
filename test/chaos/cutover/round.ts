import { setTimeout as sleep } from "node:timers/promises";
import { causeFaults } from "./faults.ts";
import { createRoundLog, type Round } from "./log.ts";
import { GRACE_MS } from "./model.ts";
import { walkPhases } from "./phases.ts";
import { createRandom, type Random } from "./random.ts";
import { createSlot, runSlot, type Slot } from "./slot.ts";
import { verifyTenant } from "./verify-tenant.ts";
import { startWorld } from "./world.ts";

export interface RoundOptions {
  readonly serverUrl: string;
  readonly chromaCommand: string | undefined;
  readonly seed: number;
  /** Milliseconds of the workload. Default 25,000. */
  readonly durationMs?: number;
}

export interface RoundResult {
  readonly seed: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly longestBarrierMs: number;
  /** What must not happen. Empty: the round is clean. */
  readonly violations: readonly string[];
  /** The last events and the output of the gateways, for a failed round. */
  readonly trace: string;
}

/** Collections of a tenant. */
const SLOTS = 2;

/** Runs one round. The choices follow from the seed; the times at which they meet do not. */
export async function runRound({
  serverUrl,
  chromaCommand,
  seed,
  durationMs = 25_000,
}: RoundOptions): Promise<RoundResult> {
  const random = createRandom(seed);
  const log = createRoundLog();
  const world = await startWorld(serverUrl, { random: random.fork(), chromaCommand });
  const endsAt = Date.now() + durationMs;
  const round: Round = { world, log, isRunning: () => Date.now() < endsAt && log.violations.length === 0 };
  const tenants = createTenants(random);
  try {
    await Promise.all([
      causeFaults(round, random.fork()),
      ...tenants.flatMap(({ name, slots }) => [
        walkPhases(round, name, random.fork()),
        ...slots.map((slot) => runSlot(round, slot)),
      ]),
    ]);
    await sleep(log.violations.length > 0 ? 0 : GRACE_MS);
    if (log.violations.length === 0) for (const { name, slots } of tenants) await verifyTenant(round, name, slots);
  } catch (error) {
    log.violate((error as Error).stack ?? String(error));
  } finally {
    for (const [kind, count] of Object.entries(world.chromaProxy.faults)) log.counts[`chroma ${kind}`] = count;
    log.counts["postgres cuts"] = [world.postgres, ...world.gateways.map(({ postgres }) => postgres)].reduce(
      (sum, { cuts }) => sum + cuts,
      0,
    );
    await world.stop();
  }
  const outputs = world.gateways.map(({ process }, at) => `gateway ${at}:\n${process.output()}`);
  const trace = [...log.recent, ...outputs].join("\n");
  return { seed, counts: log.counts, longestBarrierMs: log.longestBarrierMs, violations: log.violations, trace };
}

function createTenants(random: Random): readonly { readonly name: string; readonly slots: readonly Slot[] }[] {
  return ["acme", "globex"].slice(0, 1 + random.below(2)).map((name) => ({
    name,
    slots: Array.from({ length: SLOTS }, (_, at) => createSlot(name, at, random.fork())),
  }));
}
