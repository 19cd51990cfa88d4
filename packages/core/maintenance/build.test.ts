import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, serverUrl, type TestDatabase } from "../../../test/support/database.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { createCollection } from "../collection/create.ts";
import type { Database } from "../database/database.ts";
import { ingest } from "../document/ingest.ts";
import { createTenant } from "../tenant/tenant.ts";
import { maintainIndexes } from "./indexes.ts";
import { inspectCollection } from "./inspect.ts";

// What is left of a build, of which a part ends early or has no room.

let own: TestDatabase;
let tenantId: string;
beforeAll(async () => {
  own = await createTestDatabase();
  ({ id: tenantId } = await createTenant(own.database, { name: "t" }));
});
afterAll(() => own?.drop());

async function fill(name: string): Promise<void> {
  await createCollection(own.database, tenantId, {
    name,
    embeddingModel: null,
    dimensions: 3,
    indexSettings: { threshold: 100 },
  });
  const documents = Array.from({ length: 150 }, (_, n) => ({
    id: `d${n}`,
    content: `word${n}`,
    embedding: Float32Array.of(Math.cos(n), Math.sin(n), n / 150),
  }));
  await ingest(offlineServices(own.database), tenantId, { collection: name, documents });
}

/** The database, with something done in the place of building a keyword index. */
function whereWords(build: (really: () => Promise<void>) => Promise<void>): Database {
  return {
    ...own.database,
    maintain: (statements, ...rest) =>
      statements.some((statement) => statement.includes("USING gin"))
        ? build(() => own.database.maintain(statements, ...rest))
        : own.database.maintain(statements, ...rest),
  };
}

async function statesOf(collection: string): Promise<readonly string[]> {
  const { indexes } = await inspectCollection(own.database, tenantId, collection);
  return indexes.map(({ state }) => state);
}

test("where the keyword index cannot be built nothing is left of the graph, and the next run builds both", async () => {
  await fill("failing");
  const failing = whereWords(() => Promise.reject(new Error("no words")));
  await expect(maintainIndexes(failing, { tenantId, collection: "failing" })).rejects.toThrow("no words");
  expect(await statesOf("failing")).toEqual([]);
  await maintainIndexes(own.database, { tenantId, collection: "failing" });
  expect(await statesOf("failing")).toEqual(["valid", "valid"]);
});

test("a build that is ended when all but the measuring is done serves nobody", async () => {
  await fill("ended");
  const end = new AbortController();
  const ending = whereWords(async (really) => {
    await really();
    end.abort();
  });
  const options = { tenantId, collection: "ended", signal: end.signal };
  await expect(maintainIndexes(ending, options)).rejects.toThrow(/abort/i);
  expect(await statesOf("ended")).not.toContain("valid");
  await maintainIndexes(own.database, { tenantId, collection: "ended" });
  expect(await statesOf("ended")).toEqual(["valid", "valid"]);
});

test.runIf(serverUrl())(
  "a graph is built without helpers where there is no room for the memory that they share",
  async () => {
    await fill("crowded");
    const helpers: (string | undefined)[] = [];
    const crowded: Database = {
      ...own.database,
      maintain(statements, settings = {}, signal) {
        const leaf = statements.join().match(/ ON (\S+)\s+USING hnsw/)?.[1];
        if (leaf === undefined) return own.database.maintain(statements, settings, signal);
        helpers.push(settings.max_parallel_maintenance_workers);
        // Postgres lends no helpers to a table as small as this one unless it is told to.
        return helpers.length > 1
          ? own.database.maintain(statements, settings, signal)
          : own.database.maintain(
              [`ALTER TABLE ${leaf} SET (parallel_workers = 2)`, ...statements],
              { ...settings, maintenance_work_mem: "2000GB" },
              signal,
            );
      },
    };
    await maintainIndexes(crowded, { tenantId, collection: "crowded" });
    expect(helpers).toEqual(["2", "0"]);
    expect(await statesOf("crowded")).toEqual(["valid", "valid"]);
  },
);
