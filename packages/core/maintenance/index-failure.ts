import { sql } from "drizzle-orm";
import type { Collection } from "../collection/collection.ts";
import type { Database } from "../database/database.ts";
import { asAdmin, uuidLiteral } from "../database/transaction.ts";
import { AppError, type ErrorCode } from "../error.ts";

/** A collection whose index maintenance failed. Rows without an index are searched exactly. */
export interface IndexFailure {
  readonly tenantId: string;
  /** Name of the tenant. */
  readonly tenant: string;
  readonly collectionId: string;
  /** Name of the collection. */
  readonly collection: string;
  readonly code: ErrorCode;
  /** Why it failed, and what to do. */
  readonly reason: string;
  /** False: it failed in an earlier run, and this run did not retry it. */
  readonly tried: boolean;
}

/** A failure with the names of its tenant and collection. */
export async function createIndexFailure(
  database: Database,
  { tenantId, id, name }: Pick<Collection, "tenantId" | "id" | "name">,
  { code, reason, tried }: Pick<IndexFailure, "code" | "reason" | "tried">,
): Promise<IndexFailure> {
  const [row] = await asAdmin(database, ({ orm }) =>
    orm.selectRows<{ name: string }>(sql`SELECT name FROM cairn.tenants WHERE id = ${uuidLiteral(tenantId)}`),
  );
  return { tenantId, tenant: row?.name ?? tenantId, collectionId: id, collection: name, code, reason, tried };
}

/** One sentence: which index failed, the consequence for searches, the reason and the remedy. */
export function describeFailure({ tenant, collection, reason }: IndexFailure): string {
  return `The index of collection ${JSON.stringify(collection)} of tenant ${JSON.stringify(tenant)} could not be built, so rows without an index are searched exactly: ${reason}`;
}

/** Logs the failures of this run by ids, as names belong to the callers. Failures that were not retried were logged before. */
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

/** Maximum failures in a message. */
const MAX_LISTED = 20;

/** The failures of this run as one error, for an alarm. Undefined if there are none; failures that were not retried do not count. */
export function runFailure(failed: readonly IndexFailure[]): AppError | undefined {
  const tried = failed.filter((failure) => failure.tried);
  const [first] = tried;
  if (!first) return undefined;
  const more = tried.length > MAX_LISTED ? [`And ${tried.length - MAX_LISTED} more.`] : [];
  return new AppError(first.code, [...tried.slice(0, MAX_LISTED).map(describeFailure), ...more].join("\n"), {
    remedy: more.length > 0 ? "list_index_failures" : undefined,
  });
}
