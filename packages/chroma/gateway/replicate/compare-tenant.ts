import type { Database } from "@cairn/core/database/database.ts";
import { encodeJson, type JsonObject } from "@cairn/core/database/json.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { sql } from "drizzle-orm";
import { listServing } from "../../namespace/serving.ts";
import { isReplicated, type Phase, sourceOf } from "../phase.ts";
import { type ComparedResult, findCutoverTenant } from "../tenants.ts";
import { replicateCollections } from "./collections-to-cairn.ts";
import { findLineage, replicateCollection } from "./collections-to-chroma.ts";
import type { CollectionPair } from "./context.ts";
import { readDatabases } from "./databases.ts";
import { fillPair } from "./fill.ts";
import { saveFindings } from "./findings.ts";
import { reconcileCollection } from "./reconcile.ts";
import type { Replication } from "./replication.ts";

/** Passes over all records at most. The last one proves that nothing differs. */
const MAX_PASSES = 5;

/** Findings of one collection about records that differed without a recorded write. */
const MAX_BYPASS_FINDINGS = 100;

/**
 * Compares all records of the tenant on both sides and copies what differs, in passes until one finds no difference. Records whose
 * writes are recorded and not yet replicated do not count. `wasIdentical`: a difference was made by a write that bypassed the gateway.
 */
export async function compareTenant(
  replication: Replication,
  { wasIdentical, beforePage }: { readonly wasIdentical: boolean; readonly beforePage: () => Promise<void> },
): Promise<ComparedResult> {
  const total = { written: 0, deleted: 0, bypassed: 0 };
  for (let pass = 1; ; pass++) {
    const startedAt = new Date().toISOString();
    const compared = await comparePass(replication, { wasIdentical, beforePage });
    total.written += compared.written;
    total.deleted += compared.deleted;
    if (wasIdentical) total.bypassed += compared.differing;
    const isLast = compared.differing === 0 || pass === MAX_PASSES;
    if (!isLast) continue;
    const { collections, records, refused } = compared;
    const identical = compared.differing === 0;
    return save(replication, { startedAt, collections, records, refused, ...total, identical });
  }
}

interface Pass {
  collections: number;
  records: number;
  written: number;
  deleted: number;
  refused: number;
  /** Differences that no recorded change explains. */
  differing: number;
}

async function comparePass(
  replication: Replication,
  options: { readonly wasIdentical: boolean; readonly beforePage: () => Promise<void> },
): Promise<Pass> {
  const { pairs, changed } = await replicateAllCollections(replication, options.beforePage);
  const pass = { collections: pairs.length, records: 0, written: 0, deleted: 0, refused: 0, differing: changed };
  for (const pair of pairs) {
    const compared = await reconcileCollection(replication, pair, options.beforePage);
    pass.records += compared.records;
    pass.written += compared.written;
    pass.deleted += compared.deleted;
    pass.refused += compared.findings.length;
    pass.differing += compared.unexplained.length;
    if (options.wasIdentical) await reportBypass(replication, pair, compared.unexplained);
  }
  return pass;
}

async function replicateAllCollections(
  replication: Replication,
  beforePage: () => Promise<void>,
): Promise<{ readonly pairs: readonly CollectionPair[]; readonly changed: number }> {
  const pairs: CollectionPair[] = [];
  let changed = 0;
  if (sourceOf(replication.phase) === "cairn") {
    for (const { lineage } of await listServing(replication.database, replication.tenantId)) {
      await beforePage();
      const pair = await replicateCollection(replication, lineage);
      if (pair) pairs.push(pair);
      if (!pair?.created) continue;
      await fillPair(replication, pair);
      changed++;
    }
    return { pairs, changed };
  }
  for (const path of await readDatabases(replication)) {
    await beforePage();
    const replicated = await replicateCollections(replication, path);
    changed += replicated.changed;
    for (const { collectionId, source: chroma, filled } of replicated.pairs) {
      const cairn = await findLineage(replication, collectionId);
      if (!cairn) continue;
      if (!filled) await fillPair(replication, { cairn, chroma });
      pairs.push({ cairn, chroma });
    }
  }
  return { pairs, changed };
}

/** Throws `run_held` if the tenant has left the phase, also if it is in it again: meanwhile, writes were not recorded. */
async function assertSamePhase(database: Database, tenantId: string, phase: Phase): Promise<void> {
  const tenant = await findCutoverTenant(database, tenantId);
  const follows = tenant && isReplicated(tenant.phase) && sourceOf(tenant.phase) === sourceOf(phase);
  if (follows && tenant.compared !== null) return;
  throw new AppError("run_held", "The tenant's phase has changed.");
}

async function reportBypass(
  { database, tenantId, phase }: Replication,
  { cairn }: CollectionPair,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  await assertSamePhase(database, tenantId, phase);
  const side = sourceOf(phase);
  const detail =
    "The record differed without a recorded write, so a client does not use the gateway. It was copied again.";
  const findings = ids
    .slice(0, MAX_BYPASS_FINDINGS)
    .map((recordId) => ({ collectionId: cairn.lineage, recordId, kind: "bypass" as const, side, detail }));
  await saveFindings(database, tenantId, findings);
}

async function save(
  { database, tenantId, phase }: Replication,
  result: Omit<ComparedResult, "finishedAt">,
): Promise<ComparedResult> {
  const compared = { ...result, finishedAt: new Date().toISOString() };
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.cutover_tenants SET compared = ${encodeJson(compared as unknown as JsonObject)}::jsonb
      WHERE tenant_id = ${tenantId}::uuid AND phase = ${phase}`),
  );
  return compared;
}
