import { expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import type { Database } from "../database/database.ts";
import { ingest } from "../document/ingest.ts";
import { maintainIndexes } from "./indexes.ts";
import { inspectCollection } from "./inspect.ts";

// Builds of which one part fails, ends early or has too little memory.

const own = useTestDatabase();
const tenantId = useTenant(own);

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
  await ingest(own.services, tenantId, { collection: name, documents });
}

/** The database, with `build` instead of the build of a keyword index. */
function withKeywordBuild(build: (original: () => Promise<void>) => Promise<void>): Database {
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

test("if the keyword index cannot be built, the vector index is dropped, and the next run builds both", async () => {
  await fill("failing");
  const failing = withKeywordBuild(() => Promise.reject(new Error("no words")));
  await expect(maintainIndexes(failing, { tenantId, collection: "failing" })).rejects.toThrow("no words");
  expect(await statesOf("failing")).toEqual([]);
  await maintainIndexes(own.database, { tenantId, collection: "failing" });
  expect(await statesOf("failing")).toEqual(["valid", "valid"]);
});

test("a build that is aborted before its calibration ends is not used by searches", async () => {
  await fill("aborted");
  const abort = new AbortController();
  const aborting = withKeywordBuild(async (original) => {
    await original();
    abort.abort();
  });
  const options = { tenantId, collection: "aborted", signal: abort.signal };
  await expect(maintainIndexes(aborting, options)).rejects.toThrow(/abort/i);
  expect(await statesOf("aborted")).not.toContain("valid");
  await maintainIndexes(own.database, { tenantId, collection: "aborted" });
  expect(await statesOf("aborted")).toEqual(["valid", "valid"]);
});

test.runIf(serverUrl())(
  "an HNSW index is built without parallel workers if their shared memory does not fit",
  async () => {
    await fill("crowded");
    const workers: (string | undefined)[] = [];
    const lowMemory: Database = {
      ...own.database,
      maintain(statements, settings = {}, signal) {
        const partition = statements.join().match(/ ON (\S+)\s+USING hnsw/)?.[1];
        if (partition === undefined) return own.database.maintain(statements, settings, signal);
        workers.push(settings.max_parallel_maintenance_workers);
        // Postgres uses no parallel workers for such a small table unless the table sets them.
        return workers.length > 1
          ? own.database.maintain(statements, settings, signal)
          : own.database.maintain(
              [`ALTER TABLE ${partition} SET (parallel_workers = 2)`, ...statements],
              { ...settings, maintenance_work_mem: "2000GB" },
              signal,
            );
      },
    };
    await maintainIndexes(lowMemory, { tenantId, collection: "crowded" });
    expect(workers).toEqual(["2", "0"]);
    expect(await statesOf("crowded")).toEqual(["valid", "valid"]);
  },
);
