import { setTimeout as sleep } from "node:timers/promises";
import { requestComparison } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { isReplicated, sourceOf } from "@cairn/chroma/gateway/phase.ts";
import type { ComparedResult } from "@cairn/chroma/gateway/tenants.ts";
import type { Round } from "./log.ts";
import { readPhase, SETTLE_MS } from "./phases.ts";
import { compareSides, compareWithModel, readCairnSide, readChromaSide } from "./sides.ts";
import type { Slot } from "./slot.ts";

interface TenantRow {
  readonly changes: number;
  readonly since: Date;
  readonly compared: ComparedResult | null;
}

/** Milliseconds until the journal is empty and a comparison has ended, after all faults. */
const REPAIR_MS = 120_000;

/** Checks that a tenant has every acknowledged write on both sides, when nothing is written any more and all faults are over. */
export async function verifyTenant(round: Round, tenant: string, slots: readonly Slot[]): Promise<void> {
  const { world, log } = round;
  const fail = (what: string, differences: readonly string[]) => {
    for (const difference of differences) log.violate(`${tenant}, ${what}: ${difference}`);
  };
  const phase = await readPhase(world, tenant);
  const expected = new Map(
    slots.flatMap(({ current }) =>
      current ? [[current.name, { version: current.metadata.version, model: current.model }] as const] : [],
    ),
  );
  const source = () => (sourceOf(phase) === "chroma" ? readChromaSide(world, tenant) : readCairnSide(world, tenant));
  if (!isReplicated(phase)) return fail(`in ${phase}`, compareWithModel(await source(), expected));
  await repair(round, tenant);
  const compare = async () => compareSides(await readChromaSide(world, tenant), await readCairnSide(world, tenant));
  fail(`source in ${phase}`, compareWithModel(await source(), expected));
  fail(`replica in ${phase}`, await compare());
  await requestComparison(world.database, tenant);
  const { compared } = await waitFor(round, tenant, ({ compared: found }) => Date.parse(found?.finishedAt ?? "") > 0);
  const { written, deleted, bypassed, identical } = compared as ComparedResult;
  if (written + deleted + bypassed > 0 || !identical)
    log.violate(`${tenant}, last comparison in ${phase}: ${JSON.stringify(compared)}`);
  fail(`after the comparison in ${phase}`, await compare());
  await checkFindings(round, tenant);
}

/** Waits until the replica has every change, and once compares what was written before the journal began. */
async function repair(round: Round, tenant: string): Promise<void> {
  await round.world.query("UPDATE cairn.changes SET retry_at = NULL");
  const { since, compared } = await waitFor(round, tenant, (row) => row.changes === 0 && row.compared !== null);
  const settledAt = since.getTime() + SETTLE_MS;
  if (Date.parse(compared?.startedAt ?? "") > settledAt) return;
  await sleep(Math.max(0, settledAt - Date.now()));
  await requestComparison(round.world.database, tenant);
  await waitFor(round, tenant, (row) => row.changes === 0 && Date.parse(row.compared?.startedAt ?? "") > settledAt);
}

async function waitFor({ world, log }: Round, tenant: string, isDone: (row: TenantRow) => boolean): Promise<TenantRow> {
  const deadline = Date.now() + REPAIR_MS;
  for (;;) {
    const [row] = await world.query<TenantRow>(
      `SELECT (SELECT count(*)::int FROM cairn.changes AS j WHERE j.tenant_id = t.id) AS changes, c.since, c.compared
       FROM cairn.cutover_tenants AS c JOIN cairn.tenants AS t ON t.id = c.tenant_id WHERE t.name = $1`,
      [tenant],
    );
    if (row && isDone(row)) return row;
    if (Date.now() > deadline) {
      const changes = await world.query("SELECT * FROM cairn.changes");
      log.violate(`${tenant} is not replicated: ${JSON.stringify({ row, changes })}`);
      throw new Error(`${tenant} is not replicated within ${REPAIR_MS / 1_000} s`);
    }
    await sleep(100);
  }
}

/** Nothing is refused, and nothing differed without a recorded write. */
async function checkFindings({ world, log }: Round, tenant: string): Promise<void> {
  const findings = await world.query<object>(
    `SELECT f.* FROM cairn.cutover_findings AS f JOIN cairn.tenants AS t ON t.id = f.tenant_id
     WHERE t.name = $1 AND (f.resolved_at IS NULL OR f.kind = 'bypass')`,
    [tenant],
  );
  for (const finding of findings) log.violate(`finding ${JSON.stringify(finding)}`);
}
