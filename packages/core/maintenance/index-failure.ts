import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { selectRows } from "../database/rows.ts";
import { asAdmin, uuidLiteral } from "../database/transaction.ts";
import { AppError, type ErrorCode } from "../error.ts";

/** A collection whose indexes could not be brought in line. What they lack is searched row by row. */
export interface IndexFailure {
  readonly tenantId: string;
  /** Name of the tenant. */
  readonly tenant: string;
  readonly collectionId: string;
  /** Name of the collection. */
  readonly collection: string;
  readonly code: ErrorCode;
  /** Why, and the way out. */
  readonly reason: string;
  /** False: it failed in an earlier run, and would again, or has to wait. */
  readonly tried: boolean;
}

export async function failureAt(
  database: Database,
  { tenantId, id, name }: Pick<Collection, "tenantId" | "id" | "name">,
  { code, reason, tried }: Pick<IndexFailure, "code" | "reason" | "tried">,
): Promise<IndexFailure> {
  const [row] = await asAdmin(database, ({ orm }) =>
    selectRows<{ name: string }>(
      orm,
      sql`SELECT name FROM cairn.tenants WHERE id = ${uuidLiteral(tenantId)}`,
    ),
  );
  return { tenantId, tenant: row?.name ?? tenantId, collectionId: id, collection: name, code, reason, tried };
}

/** In a sentence: whose index, what that means for searches, why, and the way out. */
export function describeFailure({ tenant, collection, reason }: IndexFailure): string {
  return `The index of collection ${JSON.stringify(collection)} of tenant ${JSON.stringify(tenant)} could not be built, and what it lacks is searched row by row: ${reason}`;
}

/** Tells a log by ids whose index could not be built in this run: names are the callers' own. What waits was told before. */
export function logFailures(
  failed: readonly IndexFailure[],
  log: (error: AppError, about: Readonly<Record<string, string>>) => void,
): void {
  for (const failure of failed.filter(({ tried }) => tried))
    log(new AppError(failure.code, describeFailure(failure)), {
      about: "an index",
      tenant: failure.tenantId,
      collection: failure.collectionId,
    });
}

/** Failures that a message lists. */
const LISTED = 20;

/** What failed in this run as one error, for an alarm. Undefined where nothing did: what waits was told before. */
export function runFailure(failed: readonly IndexFailure[]): AppError | undefined {
  const tried = failed.filter((failure) => failure.tried);
  const [first] = tried;
  if (!first) return undefined;
  const more = tried.length > LISTED ? [`And ${tried.length - LISTED} more.`] : [];
  return new AppError(first.code, [...tried.slice(0, LISTED).map(describeFailure), ...more].join("\n"), {
    remedy: more.length > 0 ? "list_index_failures" : undefined,
  });
}
