import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { ProgressEvent } from "../copy/context.ts";
import type { Progress } from "./collection.ts";
import { type RecordedFailure, readFailures } from "./failures.ts";

/** The state of a run, for a reader that does not have its lease. */
export interface RunSnapshot {
  readonly id: string;
  readonly source: string;
  readonly status: string;
  readonly lastError: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly collections: readonly ProgressEvent[];
}

interface RunRow extends Pick<RunSnapshot, "id" | "source" | "status"> {
  readonly last_error: string | null;
  readonly started: number;
  readonly finished: number | null;
}

interface CollectionRow extends Pick<Progress, "state" | "fresh" | "pass" | "position"> {
  readonly id: string;
  readonly name: string;
  readonly tenant: string;
  readonly total: number;
  readonly seen: number;
}

/** The unfinished run, or else the latest one; undefined if there is none. */
export async function readLatestRun(database: Database): Promise<RunSnapshot | undefined> {
  const newest = await asAdmin(database, async ({ orm }) => {
    const [run] = await orm.selectRows<RunRow>(sql`
          SELECT id, source, status, last_error, extract(epoch FROM started_at)::float8 AS started,
                 extract(epoch FROM finished_at)::float8 AS finished
          FROM cairn.migration_runs ORDER BY finished_at DESC NULLS FIRST, started_at DESC LIMIT 1`);
    if (!run) return undefined;
    const rows = await orm.selectRows<CollectionRow>(sql`
          SELECT c.source_id AS id, c.source_name AS name, t.name AS tenant, c.state, c.fresh, c.pass, c.position::float8 AS position,
                 c.total::float8 AS total, coalesce(c.tally ->> 'seen', '0')::float8 AS seen
          FROM cairn.migration_collections AS c JOIN cairn.tenants AS t ON t.id = c.tenant_id
          WHERE c.run_id = ${run.id}::uuid ORDER BY c.updated_at, c.source_id`);
    return {
      id: run.id,
      source: run.source,
      status: run.status,
      lastError: run.last_error,
      startedAt: new Date(run.started * 1000),
      finishedAt: run.finished === null ? null : new Date(run.finished * 1000),
      collections: rows.map(toEvent),
    };
  });
  if (!newest) return undefined;
  const failures = await readFailures(database, newest.id);
  const others = newest.collections.filter(({ id }) => !failures.has(id));
  return { ...newest, collections: [...others, ...[...failures.values()].map(toFailedEvent)] };
}

function toFailedEvent({ source, detail }: RecordedFailure): ProgressEvent {
  const event = { id: source.id, collection: source.name, tenant: source.tenant, pass: 1 };
  return { ...event, phase: "failed", detail, done: 0, total: 0 };
}

function toEvent({ name, state, fresh, position, total, seen, ...row }: CollectionRow): ProgressEvent {
  const event = { ...row, collection: name };
  if (state !== "copying") return { ...event, phase: "done", done: seen, total: seen };
  return { ...event, phase: fresh ? "copy" : "verify", done: position, total: Math.max(total, position) };
}
