import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { createCollection } from "../collection/create.ts";
import type { Database } from "../database/database.ts";
import { ingest } from "../document/ingest.ts";
import { createTenant } from "../tenant/tenant.ts";
import { maintainIndexes } from "./indexes.ts";
import { inspectCollection } from "./inspect.ts";

// A graph is measured while the keyword index is built beside it: what becomes of one when the other ends early.

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
