import { Client } from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { createCollection } from "../collection/create.ts";
import type { Database } from "../database/database.ts";
import { withTimeLimit } from "../database/time-limit.ts";
import { deleteDocuments } from "../document/delete.ts";
import { ingest } from "../document/ingest.ts";
import { listDocuments } from "../document/list.ts";
import { explainSearch } from "../search/explain.ts";
import { query } from "../search/query.ts";
import type { FilterInput } from "./input.ts";
import { TEXT_SCAN_TIMEOUT_MS } from "./text-scan.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);
beforeAll(async () => {
  await createCollection(own.database, tenantId, { embeddingModel: "offline/words", dimensions: 64 });
  await ingest(own.services, tenantId, { documents: [{ id: "d", content: "a kettle" }] });
});

/** The statement timeouts that `work` uses, in a request with a time limit of 25 s. */
async function timeoutsOf(work: (database: Database) => Promise<unknown>): Promise<readonly number[]> {
  const timeouts: number[] = [];
  const { database } = own;
  const record = (settings: object = {}) => {
    const { statement_timeout: timeout } = settings as { readonly statement_timeout?: number };
    if (timeout !== undefined) timeouts.push(timeout);
  };
  const watched: Database = {
    ...database,
    transaction: (task, settings) => {
      record(settings);
      return database.transaction(task, settings);
    },
    read: (statements, options) => {
      record(options?.settings);
      return database.read(statements, options);
    },
  };
  await work(withTimeLimit(watched, 25_000));
  return timeouts;
}

const ROUTES: Readonly<Record<string, (database: Database, filter: FilterInput) => Promise<unknown>>> = {
  query: (database, filter) => query(offlineServices(database), tenantId, { text: "kettle", ...filter }),
  "keyword query": (database, filter) =>
    query(offlineServices(database), tenantId, { text: "kettle", mode: "keyword", ...filter }),
  "hybrid query": (database, filter) =>
    query(offlineServices(database), tenantId, { text: "kettle", mode: "hybrid", ...filter }),
  explain: (database, filter) =>
    explainSearch(offlineServices(database), tenantId, { text: "kettle", analyze: true, ...filter }),
  list: (database, filter) => listDocuments(database, tenantId, filter),
  delete: (database, filter) => deleteDocuments(database, tenantId, filter),
};

describe.each(Object.keys(ROUTES))("%s", (name) => {
  const route = ROUTES[name] as (typeof ROUTES)[string];

  test.each<FilterInput>([
    { whereDocument: { $contains: "x" } },
    { whereDocument: { $not: { $or: [{ $not_regex: "x" }] } } },
    { filter: { $and: [{ a: 1 }, { "#document": { $regex: "x" } }] } },
  ])("ends a scan of texts before the request's deadline: %o", async (filter) => {
    const timeouts = await timeoutsOf((database) => route(database, filter));
    expect(timeouts.some((timeout) => timeout <= TEXT_SCAN_TIMEOUT_MS)).toBe(true);
  });

  test("does not shorten the time limit of a filter on metadata", async () => {
    const timeouts = await timeoutsOf((database) => route(database, { filter: { a: { $gt: 1 } } }));
    expect(Math.min(...timeouts)).toBeGreaterThan(TEXT_SCAN_TIMEOUT_MS);
  });

  test("refuses a regular expression that is too complex for Postgres with invalid_filter", async () => {
    const whereDocument = { $regex: "\\b?".repeat(60) };
    await expect(route(own.database, { whereDocument })).rejects.toMatchObject({
      code: "invalid_filter",
      path: "where_document",
    });
  });
});

test("a text scan does not extend the time limit of a request", async () => {
  const work = (database: Database) =>
    listDocuments(withTimeLimit(database, 1_000), tenantId, { whereDocument: { $contains: "x" } });
  expect(Math.max(...(await timeoutsOf(work)))).toBeLessThanOrEqual(1_000);
});

test.runIf(serverUrl())(
  "the error of a text scan that timed out says what to do",
  async () => {
    const other = new Client({ connectionString: own.url });
    await other.connect();
    try {
      await other.query("BEGIN; LOCK TABLE cairn.documents IN ACCESS EXCLUSIVE MODE");
      await expect(listDocuments(own.database, tenantId, { whereDocument: { $regex: "x" } })).rejects.toMatchObject({
        code: "database_timeout",
        path: "where_document",
        message: expect.stringContaining("filter on metadata"),
      });
    } finally {
      await other.end();
    }
  },
  60_000,
);
