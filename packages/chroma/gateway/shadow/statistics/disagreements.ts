import type { Database } from "@cairn/core/database/database.ts";
import { encodeJson, type JsonObject } from "@cairn/core/database/json.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { Difference } from "../compare/outcome.ts";
import type { ReadKind } from "../read.ts";

/** A compared read whose answers do not agree. */
export interface Disagreement {
  readonly tenantId: string;
  readonly collectionId: string;
  readonly kind: ReadKind;
  readonly outcome: "missed" | "differed";
  /** Share of the rows that agree, 0 to 1. */
  readonly agreement: number;
  readonly difference: Difference;
}

/**
 * Disagreements that are kept of each tenant: those that Chroma's index explains last, then by agreement, then the
 * newest.
 */
const MAX_PER_TENANT = 100;

interface BufferedDisagreement extends Omit<Disagreement, "difference"> {
  readonly at: string;
  readonly detail: JsonObject;
}

/** Keeps each tenant's worst disagreements, in memory and then in `cairn.cutover_disagreements`. */
export function createDisagreementBuffer(database: Database, maxBuffered: number) {
  let buffered: BufferedDisagreement[] = [];
  return {
    add({ difference, ...disagreement }: Disagreement): void {
      const detail = limitDetail({ outcome: disagreement.outcome, ...difference });
      buffered.push({ ...disagreement, at: new Date().toISOString(), detail });
      if (buffered.length > maxBuffered) buffered = worstOfEach(buffered).slice(0, Math.ceil(maxBuffered / 2));
    },
    /** Writes the disagreements to the database. If that fails, they are kept for the next time. */
    async flush(): Promise<void> {
      const pending = worstOfEach(buffered);
      buffered = [];
      try {
        if (pending.length > 0) await addDisagreements(database, pending);
      } catch (error) {
        buffered = [...pending, ...buffered].slice(0, maxBuffered);
        throw error;
      }
    },
  };
}

/** The worst of each tenant, worst first. */
function worstOfEach(disagreements: readonly BufferedDisagreement[]): BufferedDisagreement[] {
  const counts = new Map<string, number>();
  const rank = ({ outcome }: BufferedDisagreement) => (outcome === "missed" ? 1 : 0);
  return disagreements
    .toSorted((a, b) => rank(a) - rank(b) || a.agreement - b.agreement || (a.at < b.at ? 1 : -1))
    .filter(({ tenantId }) => {
      const count = (counts.get(tenantId) ?? 0) + 1;
      counts.set(tenantId, count);
      return count <= MAX_PER_TENANT;
    });
}

async function addDisagreements(database: Database, disagreements: readonly BufferedDisagreement[]): Promise<void> {
  const rows = disagreements.map(({ tenantId, collectionId, at, kind, agreement, detail }) => ({
    ...{ tenant_id: tenantId, collection_id: collectionId },
    ...{ at, kind, agreement, detail },
  }));
  const tenants = [...new Set(disagreements.map(({ tenantId }) => tenantId))].toSorted();
  await asAdmin(database, async ({ orm }) => {
    await orm.execute(sql`
      INSERT INTO cairn.cutover_disagreements (tenant_id, at, collection_id, kind, agreement, detail)
      SELECT tenant_id, at, collection_id, kind, agreement, detail
      FROM jsonb_to_recordset(${encodeJson({ rows })}::jsonb -> 'rows')
        AS r (tenant_id uuid, at timestamptz, collection_id uuid, kind text, agreement float8, detail jsonb)
      WHERE EXISTS (SELECT FROM cairn.tenants AS t WHERE t.id = r.tenant_id)`);
    await orm.execute(sql`
      DELETE FROM cairn.cutover_disagreements AS d USING (
        SELECT tenant_id, id, row_number() OVER (
          PARTITION BY tenant_id ORDER BY (detail ->> 'outcome' = 'missed'), agreement, at DESC) AS place
        FROM cairn.cutover_disagreements WHERE tenant_id = ANY(${sql.param(tenants)}::uuid[])) AS ranked
      WHERE d.tenant_id = ranked.tenant_id AND d.id = ranked.id AND ranked.place > ${MAX_PER_TENANT}::int`);
  });
}

/** Entries of a list in a detail, and characters of an id: a detail takes at most about 40 kB. */
const MAX_LISTED = 20;
const MAX_ID_LENGTH = 128;

/** The difference with shortened lists and ids. `counts`: the lengths of the lists that were shortened. */
function limitDetail(detail: Difference & { readonly outcome: string }): JsonObject {
  const counts: Record<string, number> = {};
  const limited = Object.entries(detail).map(([name, value]) => {
    if (!Array.isArray(value)) return [name, value];
    if (value.length > MAX_LISTED) counts[name] = value.length;
    return [name, value.slice(0, MAX_LISTED).map(limitId)];
  });
  return { ...Object.fromEntries(limited), ...(Object.keys(counts).length > 0 ? { counts } : {}) };
}

function limitId(entry: string | { readonly id: string }) {
  return typeof entry === "string" ? shortenId(entry) : { ...entry, id: shortenId(entry.id) };
}

function shortenId(id: string): string {
  return id.length <= MAX_ID_LENGTH ? id : `${id.slice(0, MAX_ID_LENGTH - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
