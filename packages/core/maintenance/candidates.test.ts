import { once } from "node:events";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, serverUrl, type TestDatabase } from "../../../test/support/database.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { changeCollection } from "../collection/change.ts";
import { createCollection } from "../collection/create.ts";
import { INDEX_DEFAULTS, type IndexSettings } from "../collection/index-settings.ts";
import type { Database } from "../database/database.ts";
import { tenantSettings } from "../database/transaction.ts";
import { ingest } from "../document/ingest.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { neighboursStatement } from "../search/candidates.ts";
import { explainSearch } from "../search/explain.ts";
import { planIndexScan } from "../search/plan.ts";
import { findTarget } from "../search/read-target.ts";
import { indexSettings } from "../search/settings.ts";
import { createTenant } from "../tenant/tenant.ts";
import { buildRange } from "./build.ts";
import { planCandidates } from "./candidates.ts";
import { maintainIndexes } from "./indexes.ts";
import { inspectCollection, servingRanges } from "./inspect.ts";

// Which precision a collection gets that names none, and what happens where that does not serve.

let own: TestDatabase;
let tenantId: string;
beforeAll(async () => {
  own = await createTestDatabase();
  ({ id: tenantId } = await createTenant(own.database, { name: "t" }));
});
afterAll(() => own?.drop());

const DIMENSIONS = 1_024;
const ROWS = 1_500;

/** Each vector is near one of the topics, the same ones in every run; the nearer, the less its signs tell it from the others. */
function vector(n: number, topics = 100, own = 0.8): Float32Array {
  const wave = (seed: number, i: number) => Math.sin(seed * 12.9898 + i * 78.233) * 43_758.5453;
  const noise = (seed: number, i: number) => wave(seed, i) - Math.floor(wave(seed, i)) - 0.5;
  return Float32Array.from(
    { length: DIMENSIONS },
    (_, i) => noise(n % topics, i) + own * noise(n + 1_000, i),
  );
}

interface Filling {
  readonly rows?: number;
  readonly topics?: number;
  readonly own?: number;
}

async function fill(name: string, indexSettings: IndexSettings = {}, { rows = ROWS, ...near }: Filling = {}) {
  await createCollection(own.database, tenantId, {
    name,
    embeddingModel: null,
    dimensions: DIMENSIONS,
    indexSettings: { threshold: 100, ...indexSettings },
  });
  await add(name, 0, rows, near);
}

function add(collection: string, from: number, to: number, { topics, own: noise }: Filling = {}) {
  const documents = Array.from({ length: to - from }, (_, n) => ({
    id: `d${from + n}`,
    content: null,
    embedding: vector(from + n, topics, noise),
  }));
  return ingest(offlineServices(own.database), tenantId, { collection, documents });
}

/**
 * Maintains a collection; tells the precisions of the graphs that it built, and why. `hold`: the first keyword index takes
 * until its build is ended.
 */
async function maintain(collection: string, { hold = false } = {}) {
  const built: string[] = [];
  let holding = hold;
  const database: Database = {
    ...own.database,
    async maintain(statements, ...rest) {
      const [, signal] = rest;
      if (holding && statements.some((statement) => statement.includes("USING gin"))) {
        holding = false;
        await once(signal as AbortSignal, "abort");
        throw new Error("ended");
      }
      for (const statement of statements) {
        const [, operators] = /USING hnsw .*?(\w+)_ops/s.exec(statement) ?? [];
        if (operators) built.push(operators.split("_")[0] as string);
      }
      return own.database.maintain(statements, ...rest);
    },
  };
  const maintained = await maintainIndexes(database, { tenantId, collection });
  const reasons = maintained?.done.filter(({ action }) => action === "build").map(({ reason }) => reason);
  return { built, reasons };
}

async function servingOf(name: string) {
  const inspection = await inspectCollection(own.database, tenantId, name);
  return inspection.indexes.filter(({ kind }) => kind === "vector");
}

test("a collection that names no precision has a graph of bits, and one of floats when it asks for that", async () => {
  const settings = { threshold: 100, efConstruction: 24 };
  await fill("plain", settings);
  expect((await maintain("plain")).built).toEqual(["bit"]);
  expect(await servingOf("plain")).toMatchObject([
    { state: "valid", settings: { precision: "bit", efSearch: 100, reranked: 100 } },
  ]);
  expect((await maintain("plain")).built).toEqual([]);
  const found = await explainSearch(offlineServices(own.database), tenantId, {
    collection: "plain",
    embedding: vector(3),
  });
  expect(found.words.join()).toContain("(hnsw, bit, ef_search 100) over 1500 rows");

  await changeCollection(own.database, tenantId, "plain", {
    indexSettings: { ...settings, precision: "halfvec" },
  });
  expect(await maintain("plain")).toEqual({
    built: ["halfvec"],
    reasons: ["the setting precision became halfvec"],
  });
  await changeCollection(own.database, tenantId, "plain", { indexSettings: settings });
  expect((await maintain("plain")).built).toEqual([]);
});

// Large, and by 16-bit floats, for which WASM has no instruction.
test.runIf(serverUrl())(
  "where bits order too coarsely floats take their place, and bits are not tried again",
  async () => {
    const large = { rows: 12_000, topics: 50, own: 0.1 }; // 240 rows that are nearly the same: in a sample 40, among which bits tell
    await fill("coarse", { m: 4, efConstruction: 24 }, large);
    expect((await maintain("coarse", { hold: true })).built).toEqual(["bit", "halfvec"]);
    const floats = { precision: "halfvec", coarse: true };
    expect(await servingOf("coarse")).toMatchObject([{ rows: large.rows, settings: floats }]);
    expect((await maintain("coarse")).built).toEqual([]);
    await add("coarse", large.rows, large.rows + 150, large);
    expect((await maintain("coarse")).built).toEqual(["halfvec"]);
    expect(await servingOf("coarse")).toMatchObject([{ settings: floats }, { settings: floats }]);
  },
);

test("a search, and the measuring of a build, go through the index that is meant while there are two", async () => {
  await fill("twice", { m: 3, efConstruction: 60 });
  await maintain("twice");
  const before = await inspectCollection(own.database, tenantId, "twice");
  const [range] = servingRanges(before);
  const plan = { ...INDEX_DEFAULTS, m: 30, efConstruction: 60 }; // Postgres thinks it dearer than the one there is
  await buildRange(own.database, {
    collection: before.collection,
    plan,
    range: range as NonNullable<typeof range>,
    indexes: before.indexes,
  });
  const both = await servingOf("twice");
  expect(both.map(({ state, usable }) => [state, usable])).toEqual(
    expect.arrayContaining([
      ["retired", true],
      ["valid", true],
    ]),
  );
  const meant = both.find(({ state }) => state === "valid")?.name;
  const { steps } = await explainSearch(offlineServices(own.database), tenantId, {
    collection: "twice",
    embedding: vector(3),
  });
  expect(steps.flatMap((step) => step.plan).join("\n")).toContain(`Index Scan using ${meant} `);
  const { collection, indexes } = await findTarget(own.database, tenantId, "twice");
  const index = indexes.find(({ kind }) => kind === "vector") as IndexedRange;
  const [rows] = await own.database.read(
    [
      sql`EXPLAIN ${neighboursStatement(collection, planIndexScan(index, { limit: 10 }), { queried: sql`id = 'd1'` })}`,
    ],
    {
      settings: {
        ...tenantSettings(tenantId),
        ...indexSettings([index], { limit: 10 }),
      },
    },
  );
  expect(JSON.stringify(rows)).toContain(`Index Scan using ${meant} `);
});

test("bits that were asked for and order too coarsely give way when nobody asks for them any more", async () => {
  await fill("asked", { precision: "bit", efConstruction: 24 });
  expect((await maintain("asked")).built).toEqual(["bit"]);
  const open = { indexSettings: { threshold: 100, efConstruction: 24 } };
  await changeCollection(own.database, tenantId, "asked", open);
  expect((await maintain("asked")).built).toEqual([]); // they do here
  await own.database.maintain([
    `UPDATE cairn.collection_indexes SET settings = settings || '{"coarse": true}' WHERE kind = 'vector'
     AND collection_id = (SELECT id FROM cairn.collections WHERE name = 'asked')`,
  ]);
  expect((await maintain("asked")).built).toEqual(["halfvec"]);
});

test("bits are for who leaves the precision open, and floats follow where they can", async () => {
  await fill("pure");
  const { collection } = await inspectCollection(own.database, tenantId, "pure");
  const range = { first: 0, last: 0, rows: ROWS };
  const tried = (settings: IndexSettings, before: object = {}, binaryRecall = 1) => {
    const indexes = [{ kind: "vector", first: 0, last: 0, settings: before }] as never;
    const build = { plan: { ...INDEX_DEFAULTS, ...settings }, range, indexes };
    return planCandidates(
      { ...build, collection: { ...collection, indexSettings: settings } },
      binaryRecall,
    ).map((candidate) => candidate.plan.precision);
  };
  expect(tried({})).toEqual(["bit", "halfvec", "vector"]);
  expect(tried({}, {}, 0.1)).toEqual(["halfvec", "vector"]);
  expect(tried({}, { coarse: true })).toEqual(["halfvec", "vector"]);
  expect(tried({ type: "ivfflat" })).toEqual(["halfvec", "vector"]);
  expect(tried({ precision: "halfvec" })).toEqual(["halfvec", "vector"]);
  const overflowed = { precision: "vector", asked: { precision: "halfvec" } };
  expect(tried({ precision: "halfvec" }, overflowed)).toEqual(["vector"]);
  expect(tried({ precision: "bit" })).toEqual(["bit"]);
  const ways = (indexSettings: IndexSettings, rows = ROWS) =>
    planCandidates(
      {
        collection: { ...collection, indexSettings },
        plan: { ...INDEX_DEFAULTS, ...indexSettings },
        range: { ...range, rows },
        indexes: [],
      },
      1,
    ).map(({ plan: { precision, efConstruction } }) => [precision, efConstruction]);
  expect(ways({}).slice(0, 2)).toEqual([
    ["bit", 200],
    ["halfvec", 120],
  ]);
  expect(ways({ efConstruction: 64 })[0]).toEqual(["bit", 64]);
  expect(ways({}, 1_000_000).slice(0, 2)).toEqual([
    ["bit", 240],
    ["halfvec", 120],
  ]);
  expect(ways({ precision: "bit" }, 1_000_000)).toEqual([["bit", 240]]);
  const wide = { plan: { ...INDEX_DEFAULTS, precision: "bit" as const }, range, indexes: [] };
  expect(planCandidates({ ...wide, collection: { ...collection, indexSettings: {} } }, 1)).toHaveLength(1);
});
