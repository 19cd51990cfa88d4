import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin, asTenant, uuidLiteral } from "@cairn/core/database/transaction.ts";
import { isImported } from "@cairn/core/document/insert.ts";
import { sql } from "drizzle-orm";
import { COMPARISON_REQUESTED } from "../tenants.ts";
import type { CutoverState } from "./state.ts";

/** What a phase requires before it is entered. */
export interface Condition {
  /** A short name, by which an override is recorded. */
  readonly name: string;
  readonly met: boolean;
  /** What holds or what is missing, as a sentence. */
  readonly detail: string;
}

/** The limits of the conditions, unless the caller chooses others. */
export const CONDITION_DEFAULTS = {
  /** Milliseconds until a write that was sent before the journal began has ended. */
  settleMs: 62_000,
  /** Seconds that a change may wait for the replica. */
  maxLagSeconds: 10,
  /** Milliseconds for which a comparison of all records counts. */
  comparedMs: 24 * 3_600_000,
  /** Reads that have to be compared. */
  minReads: 100,
  /** Share of the compared reads that have to agree, 0 to 1. */
  minAgreement: 0.99,
} as const;

/** Limits of the conditions. */
export type ConditionLimits = Readonly<Record<keyof typeof CONDITION_DEFAULTS, number>>;

/** The conditions of the phase after the tenant's. */
export async function readConditions(
  database: Database,
  state: CutoverState,
  limits: ConditionLimits,
): Promise<readonly Condition[]> {
  switch (state.phase) {
    case "chroma":
      return [await noLocalChanges(database, state)];
    case "mirror":
      return [
        hasCollections(state),
        identical(state, limits, { settles: true }),
        journalFollows(state, limits),
        noFindings(state),
      ];
    case "shadow":
      return [
        identical(state, limits, { settles: false }),
        journalFollows(state, limits),
        noFindings(state),
        enoughReads(state, limits),
        readsAgree(state, limits),
        await wayBack(database, state),
      ];
    case "cairn":
      return [identical(state, limits, { settles: false }), journalFollows(state, limits)];
    case "done":
      return [];
  }
}

/**
 * Chroma's version wins in the phase `mirror`, so what was written in Cairn would be lost. Chroma has what was written before the tenant
 * last came back to it.
 */
async function noLocalChanges(database: Database, { tenant }: CutoverState): Promise<Condition> {
  const [event] = await asAdmin(database, ({ orm }) =>
    orm.selectRows<{ at: string | null }>(sql`
      SELECT max(at)::text AS at FROM cairn.cutover_events WHERE tenant_id = ${tenant.id}::uuid AND to_phase = 'chroma'`),
  );
  const [row] = await asTenant(database, tenant.id, ({ orm }) =>
    orm.selectRows<{ exists: boolean }>(sql`
      SELECT EXISTS (SELECT FROM cairn.documents WHERE tenant_id = ${uuidLiteral(tenant.id)}
                     AND NOT ${isImported(sql`origin`)}
                     AND updated_at > coalesce(${event?.at ?? null}::timestamptz, '-infinity')) AS exists`),
  );
  return {
    name: "no_local_changes",
    met: !row?.exists,
    detail: row?.exists
      ? "Cairn has documents of the tenant that were written here and not copied from Chroma. The phase mirror makes its collections equal to Chroma's, so such documents are replaced or deleted there. Waiting does not help: move them to another collection, or override this."
      : "Cairn has no documents of the tenant but those that were copied from Chroma.",
  };
}

/** A tenant without collections is often a name that is written wrong, or a namespace that is not the application's. */
function hasCollections({ compared }: CutoverState): Condition {
  const name = "collections";
  if (!compared)
    return {
      name,
      met: false,
      detail: "The tenant's collections in Chroma have not been listed yet. A gateway does it.",
    };
  const met = compared.collections > 0;
  return {
    name,
    met,
    detail: met
      ? `Chroma has ${compared.collections} collections of the tenant.`
      : "Chroma has no collection of the tenant under the names of its namespace. Check the name of the tenant, and the namespace.",
  };
}

function identical(
  { compared, since }: CutoverState,
  limits: ConditionLimits,
  { settles }: { readonly settles: boolean },
): Condition {
  const name = "identical";
  if (!compared)
    return { name, met: false, detail: "The records of both sides have not been compared since the phase began." };
  const { finishedAt, startedAt, records } = compared;
  if (finishedAt === COMPARISON_REQUESTED)
    return { name, met: false, detail: "Another comparison of all records was requested and has not ended." };
  if (!compared.identical)
    return { name, met: false, detail: `The last comparison, of ${records} records, still found differences.` };
  const settledAt = (since?.getTime() ?? 0) + limits.settleMs;
  if (settles && Date.parse(startedAt) < settledAt)
    return {
      name,
      met: false,
      detail: `A write that was sent before the phase began may still be running in Chroma. The comparison has to begin after ${new Date(settledAt).toISOString()}.`,
    };
  if (Date.now() - Date.parse(finishedAt) > limits.comparedMs)
    return { name, met: false, detail: `The last comparison ended at ${finishedAt}, too long ago.` };
  return { name, met: true, detail: `All ${records} records were equal at ${finishedAt}.` };
}

function journalFollows({ journal }: CutoverState, { maxLagSeconds }: ConditionLimits): Condition {
  const name = "journal";
  const { changes, failing, oldestSeconds, failure } = journal;
  if (failing > 0)
    return {
      name,
      met: false,
      detail: `${failing} of ${changes} recorded changes failed and are tried again: ${failure}`,
    };
  const met = (oldestSeconds ?? 0) <= maxLagSeconds;
  const lag = oldestSeconds === null ? "" : `, the oldest for ${Math.round(oldestSeconds)} s`;
  return { name, met, detail: `${changes} recorded changes wait for the other side${lag}.` };
}

function noFindings({ findings }: CutoverState): Condition {
  const { refused = 0, conflict = 0 } = findings;
  const met = refused + conflict === 0;
  return {
    name: "findings",
    met,
    detail: met
      ? "Both sides hold every record."
      : `${refused} records or collections are refused by one side, and ${conflict} collections conflict.`,
  };
}

function enoughReads({ reads }: CutoverState, { minReads }: ConditionLimits): Condition {
  return {
    name: "reads",
    met: reads.compared >= minReads,
    detail: `${reads.compared} reads were compared in this phase; ${minReads} are required.`,
  };
}

function readsAgree({ reads }: CutoverState, { minAgreement }: ConditionLimits): Condition {
  const agreement = reads.agreement ?? 0;
  return {
    name: "agreement",
    met: agreement >= minAgreement,
    detail: `${(100 * agreement).toFixed(2)} % of the compared reads agree; ${100 * minAgreement} % are required.`,
  };
}

/** What Chroma cannot hold would be missing there after the way back. */
async function wayBack(database: Database, { tenant }: CutoverState): Promise<Condition> {
  const [row] = await asTenant(database, tenant.id, ({ orm }) =>
    orm.selectRows<{ documents: number }>(sql`
      SELECT count(*)::float8 AS documents FROM cairn.documents
      WHERE tenant_id = ${uuidLiteral(tenant.id)} AND chunk = 1`),
  );
  const documents = row?.documents ?? 0;
  return {
    name: "way_back",
    met: documents === 0,
    detail:
      documents === 0
        ? "Chroma can hold every document of the tenant."
        : `${documents} documents have several passages, which Chroma cannot hold. They would be missing after the way back.`,
  };
}
