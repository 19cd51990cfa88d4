import { setTimeout as sleep } from "node:timers/promises";
import { advance, back, requestComparison } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { PHASES, type Phase, sourceOf } from "@cairn/chroma/gateway/phase.ts";
import { AppError } from "@cairn/core/error.ts";
import type { Round } from "./log.ts";
import type { Random } from "./random.ts";

/** Milliseconds until a write that began before the journal has ended: the longest pause of a gateway, and the longest delay of a request. */
export const SETTLE_MS = 6_000;

const LIMITS = { settleMs: SETTLE_MS, maxLagSeconds: 60, minReads: 0, minAgreement: 0 };

/** Probability that the next change is forward. In `mirror` it takes several attempts, until a comparison has ended. */
const FORWARD: Readonly<Record<Phase, number>> = { chroma: 1, mirror: 0.93, shadow: 0.8, cairn: 0, done: 0 };

/** Moves the tenant forward and back at random until the round ends. */
export async function walkPhases(round: Round, tenant: string, random: Random): Promise<void> {
  let phase: Phase = "chroma";
  await sleep(random.below(2_000));
  while (round.isRunning()) {
    phase = await changePhase(round, tenant, { phase, random });
    await sleep(200 + random.below(1_500));
  }
}

async function changePhase(
  { world, log }: Round,
  tenant: string,
  { phase, random }: { readonly phase: Phase; readonly random: Random },
): Promise<Phase> {
  const { database } = world;
  const forward = random.chance(FORWARD[phase]);
  const earlier = PHASES.slice(0, PHASES.indexOf(phase));
  const to = random.chance(0.7) ? earlier.at(-1) : random.pick(earlier);
  const startedAt = Date.now();
  const end = log.beginPhaseChange(tenant);
  try {
    // What Cairn has of the tenant from before is what Chroma has, so nothing is lost if it is replaced.
    const status = forward
      ? await advance(database, tenant, { limits: LIMITS, force: phase === "chroma" })
      : await back(database, tenant, { to });
    log.count(`phase ${status.phase}`);
    log.note(`${tenant}: ${phase} to ${status.phase} after ${Date.now() - startedAt} ms`);
    if (sourceOf(phase) !== sourceOf(status.phase))
      log.longestBarrierMs = Math.max(log.longestBarrierMs, Date.now() - startedAt);
    return status.phase;
  } catch (error) {
    return await afterFailure({ world, log }, tenant, { phase, error, startedAt });
  } finally {
    end();
  }
}

/** The phase that is in force after a change that failed. */
async function afterFailure(
  { world, log }: Pick<Round, "world" | "log">,
  tenant: string,
  { phase, error, startedAt }: { readonly phase: Phase; readonly error: unknown; readonly startedAt: number },
): Promise<Phase> {
  const { message } = error as Error;
  log.note(`${tenant}: stays in ${phase} after ${Date.now() - startedAt} ms: ${message}`);
  const isUnmet = error instanceof AppError && error.code === "invalid_input";
  if (isUnmet) await requestComparison(world.database, tenant).catch(() => {});
  else {
    log.count("phase changes that failed");
    if (!log.isExcused(startedAt - 20_000)) log.violate(`${tenant} did not leave ${phase} without a fault: ${message}`);
  }
  return readPhase(world, tenant);
}

export async function readPhase(world: Pick<Round["world"], "query">, tenant: string): Promise<Phase> {
  const [row] = await world.query<{ phase: Phase }>(
    "SELECT c.phase FROM cairn.cutover_tenants AS c JOIN cairn.tenants AS t ON t.id = c.tenant_id WHERE t.name = $1",
    [tenant],
  );
  return row?.phase ?? "chroma";
}
