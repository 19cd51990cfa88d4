import type { Orm } from "@cairn/core/database/database.ts";
import { decodeJson } from "@cairn/core/database/json.ts";
import { decodeText } from "@cairn/core/database/text.ts";
import { type SQL, sql } from "drizzle-orm";
import type { Difference } from "../shadow/compare/outcome.ts";
import type { DisagreementRow } from "./report.ts";
import { isoTime } from "./time.ts";

/** Disagreements of a tenant in the report. */
const MAX_DISAGREEMENTS = 10;

interface StoredDisagreement extends Pick<DisagreementRow, "at" | "collection" | "kind" | "agreement"> {
  readonly tenantId: string;
  /** Disagreements of the tenant. */
  readonly total: number;
  /** JSON, as `recordDisagreement` writes it. */
  readonly detail: string;
}

/** The worst disagreements of each tenant, worst first: those that Chroma's index explains are last. */
export async function readDisagreements(orm: Orm, tenants: SQL) {
  const rows = await orm.selectRows<StoredDisagreement>(sql`
    SELECT tenant_id AS "tenantId", total::float8 AS total, coalesce(left(name, 200), collection_id::text) AS collection,
      kind, agreement, ${isoTime(sql`at`)} AS at, detail::text AS detail
    FROM (SELECT *, count(*) OVER tenant AS total,
            row_number() OVER (tenant ORDER BY (detail ->> 'outcome' = 'missed'), agreement, at DESC) AS place
          FROM cairn.cutover_disagreements WHERE tenant_id = ANY(${tenants})
          WINDOW tenant AS (PARTITION BY tenant_id)) AS disagreement
    LEFT JOIN cairn.cutover_collections USING (tenant_id, collection_id)
    WHERE place <= ${MAX_DISAGREEMENTS}::int ORDER BY tenant_id, place`);
  const disagreements = rows.map(({ detail, ...row }) => {
    const { outcome, counts = {}, ...difference } = decodeJson(detail) as unknown as StoredDetail;
    return { ...row, collection: decodeText(row.collection), outcome, counts, difference: difference as Difference };
  });
  return Map.groupBy(disagreements, ({ tenantId }) => tenantId);
}

type StoredDetail = Difference & Pick<DisagreementRow, "outcome"> & Partial<Pick<DisagreementRow, "counts">>;
