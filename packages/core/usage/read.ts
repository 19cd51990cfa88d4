import { type SQL, sql } from "drizzle-orm";
import type { Database, Orm } from "../database/database.ts";
import { encodeText } from "../database/text.ts";
import { asAdmin, asTenant } from "../database/transaction.ts";
import { AppError } from "../error.ts";

export interface UsageOptions {
  /** The first UTC day, `2026-11-01`. Default: 29 days before `to`. */
  readonly from?: string;
  /** The last UTC day. Default: today. */
  readonly to?: string;
}

/** A count of one day. */
export interface UsageRow {
  readonly tenantId: string;
  readonly tenant: string;
  /** `2026-11-30`, UTC. */
  readonly day: string;
  readonly kind: string;
  /** `provider/model` of tokens, else empty. */
  readonly model: string;
  readonly n: number;
}

export interface Usage {
  readonly from: string;
  readonly to: string;
  /** By day, tenant, kind and model. */
  readonly rows: readonly UsageRow[];
}

/** Days that usage is kept, and the maximum of a request. */
export const USAGE_DAYS = 400;

/** Maximum rows of a response. A day of a tenant has about six. */
export const MAX_USAGE_ROWS = 50_000;

const DEFAULT_DAYS = 30;
const DAY_MS = 86_400_000;

/**
 * What a tenant used on each day, or all tenants (null), which only the operator may see. Throws `invalid_input` for a range
 * that is reversed or too long, and `response_too_large`.
 */
export async function readUsage(
  database: Database,
  tenantId: string | null,
  options: UsageOptions = {},
): Promise<Usage> {
  const range = readRange(options);
  const rows =
    tenantId === null
      ? await asAdmin(database, ({ orm }) => selectUsage(orm, sql`true`, range))
      : await asTenant(database, tenantId, ({ orm }) => selectUsage(orm, sql`u.tenant_id = ${tenantId}::uuid`, range));
  if (rows.length > MAX_USAGE_ROWS)
    throw new AppError(
      "response_too_large",
      `The usage from ${range.from} to ${range.to} has more than ${MAX_USAGE_ROWS.toLocaleString("en")} rows. Choose a shorter range or one tenant.`,
    );
  return { ...range, rows };
}

interface Range {
  readonly from: string;
  readonly to: string;
}

function readRange({ from, to = toDay(Date.now()) }: UsageOptions): Range {
  const end = parseDay(to, "to");
  const start = from === undefined ? end - (DEFAULT_DAYS - 1) * DAY_MS : parseDay(from, "from");
  if (start > end) throw invalid("from", `The range is empty: it starts on ${from}, after its end on ${to}.`);
  if ((end - start) / DAY_MS >= USAGE_DAYS)
    throw invalid("from", `The range from ${from} to ${to} is too long: it can have at most ${USAGE_DAYS} days.`);
  return { from: toDay(start), to };
}

function parseDay(day: string, path: string): number {
  const time = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(day) : Number.NaN;
  if (!Number.isNaN(time) && toDay(time) === day) return time;
  throw invalid(path, `A day is written as 2026-11-30, not ${JSON.stringify(day.slice(0, 40))}.`);
}

function toDay(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function invalid(path: string, message: string): AppError {
  return new AppError("invalid_input", message, { path });
}

function selectUsage(orm: Orm, isTenant: SQL, { from, to }: Range): Promise<UsageRow[]> {
  return orm.selectRows<UsageRow>(sql`
    SELECT u.tenant_id AS "tenantId", t.name AS tenant, to_char(u.day, 'YYYY-MM-DD') AS day, u.kind, u.model, u.n::float8 AS n
    FROM cairn.usage_days AS u JOIN cairn.tenants AS t ON t.id = u.tenant_id
    WHERE ${isTenant} AND u.day BETWEEN ${encodeText(from)}::date AND ${encodeText(to)}::date
    ORDER BY u.day, t.name, u.tenant_id, u.kind, u.model
    LIMIT ${MAX_USAGE_ROWS + 1}::int`);
}
