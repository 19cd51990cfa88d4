import { openSource } from "@cairn/chroma/source/http-source.ts";
import type { Source } from "@cairn/chroma/source/source.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { listDocuments } from "@cairn/core/document/list.ts";
import { listTenants } from "@cairn/core/tenant/tenant.ts";
import { afterEach, beforeEach, expect, inject } from "vitest";
import { migrationMachine } from "../../packages/functions/aws/machine.ts";
import { runStep, type StepEvent } from "../../packages/functions/aws/step.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { createChromaCollection, plainRecords, putRecords, tenantName } from "./fill-chroma.ts";
import { offlineServices } from "./services.ts";
import type { Invoke } from "./state-machine.ts";

export const machine = migrationMachine({
  functionArn: "arn:aws:lambda:eu-central-1:123456789012:function:steps",
  shards: 4,
});

interface Limits {
  /** The step's signal is aborted after this many pages, so that the test does not depend on the machine's speed. */
  readonly pages?: number;
  /** The same for searches of Chroma. */
  readonly searches?: number;
  readonly maxRows?: number;
}

/** Runs the steps on a real database and a real Chroma server, as the Lambda function does: JSON in, JSON out. */
export function stepRunner(
  database: Database,
  { pages, searches, maxRows }: Limits = {},
  opened: Promise<Source> = openSource({ url: inject("chromaUrl") }),
): Invoke {
  return async (payload) => {
    const timeout = new AbortController();
    const source = await opened;
    let fetched = 0;
    let searched = 0;
    const getRecords: Source["getRecords"] = (...args) => {
      if (++fetched === pages) timeout.abort();
      return source.getRecords(...args);
    };
    const query: Source["query"] = (...args) => {
      if (++searched === searches) timeout.abort();
      return source.query(...args);
    };
    return runStep(
      {
        services: offlineServices(database),
        source: { ...source, getRecords, query },
        databaseName: "test",
        cairnVersion: "test",
        signal: timeout.signal,
        maxRows,
      },
      payload as StepEvent,
    );
  };
}

/** A database and four collections of 60 to 120 records for each test. */
export function useMachineInput() {
  let testDatabase: TestDatabase;
  let names: readonly string[];
  beforeEach(async () => {
    testDatabase = await createTestDatabase();
    names = [1, 2, 3, 4].map(() => tenantName().name);
    for (const [index, name] of names.entries()) {
      const collection = await createChromaCollection(inject("chromaUrl"), name);
      await putRecords(collection, plainRecords(60 + 20 * index, 8));
    }
  });
  afterEach(() => testDatabase?.drop());
  return {
    get database() {
      return testDatabase.database;
    },
    get names() {
      return names;
    },
    input: (more: object = {}) => ({ request: { only: [...names], queries: 8, page_size: 10, ...more } }),
    async expectAllDocuments(): Promise<void> {
      const tenants = (await listTenants(testDatabase.database)).toSorted(
        (x, y) => x.createdAt.getTime() - y.createdAt.getTime(),
      );
      const counts = [];
      for (const { id } of tenants)
        counts.push((await listDocuments(testDatabase.database, id, { limit: 1000 })).documents.length);
      expect(counts.toSorted((x, y) => x - y)).toEqual([60, 80, 100, 120]);
    },
  };
}
