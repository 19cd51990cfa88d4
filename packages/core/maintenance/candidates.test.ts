import { once } from "node:events";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { changeCollection } from "../collection/change.ts";
import { createCollection } from "../collection/create.ts";
import type { IndexSettings } from "../database/collection-settings.ts";
import type { Database } from "../database/database.ts";
import { tenantSettings } from "../database/transaction.ts";
import { ingest } from "../document/ingest.ts";
import type { IndexedRange } from "../index/indexed-range.ts";
import { INDEX_DEFAULTS } from "../index/settings.ts";
import { neighborsStatement } from "../search/candidates.ts";
import { explainSearch } from "../search/explain.ts";
import { planIndexScan } from "../search/plan-branches.ts";
import { findTarget } from "../search/read-target.ts";
import { indexSettings } from "../search/settings.ts";
import { buildRange } from "./build.ts";
import { planCandidates } from "./candidates.ts";
import { maintainIndexes } from "./indexes.ts";
import { inspectCollection, servingRanges } from "./inspect.ts";

// The precision of a collection that sets none, and what happens if it is too coarse.

const own = useTestDatabase();
const tenantId = useTenant(own);

const DIMENSIONS = 1_024;
const ROWS = 1_500;

/** A vector near one of the topics, the same in every run. The nearer it is, the less its signs distinguish it from others. */
function vector(n: number, topics = 100, own = 0.8): Float32Array {
  const wave = (seed: number, i: number) => Math.sin(seed * 12.9898 + i * 78.233) * 43_758.5453;
  const noise = (seed: number, i: number) => wave(seed, i) - Math.floor(wave(seed, i)) - 0.5;
  return Float32Array.from({ length: DIMENSIONS }, (_, i) => noise(n % topics, i) + own * noise(n + 1_000, i));
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
  return ingest(own.services, tenantId, { collection, documents });
}

/**
 * Maintains a collection. Returns the precisions of the HNSW indexes that were built, and why. `hold`: the first keyword index
 * build does not end before it is aborted.
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

async function vectorIndexesOf(name: string) {
  const inspection = await inspectCollection(own.database, tenantId, name);
  return inspection.indexes.filter(({ kind }) => kind === "vector");
}

test("a collection that sets no precision gets a binary-quantized index, and a half-precision one if it sets that", async () => {
  const settings = { threshold: 100, efConstruction: 24 };
  await fill("plain", settings);
  expect((await maintain("plain")).built).toEqual(["bit"]);
  expect(await vectorIndexesOf("plain")).toMatchObject([
    { state: "valid", settings: { precision: "bit", efSearch: 100, reranked: 100 } },
  ]);
  expect((await maintain("plain")).built).toEqual([]);
  const found = await explainSearch(own.services, tenantId, {
    collection: "plain",
    embedding: vector(3),
  });
  expect(found.words.join()).toContain("(hnsw, bit, ef_search 100) over 1500 rows");

  await changeCollection(own.database, tenantId, "plain", {
    indexSettings: { ...settings, precision: "halfvec" },
  });
  expect(await maintain("plain")).toEqual({
    built: ["halfvec"],
    reasons: ["the setting precision changed to halfvec"],
  });
  await changeCollection(own.database, tenantId, "plain", { indexSettings: settings });
  expect((await maintain("plain")).built).toEqual([]);
});

// Large, and in half precision, for which WASM has no instruction.
test.runIf(serverUrl())(
  "half precision replaces a binary index that is too coarse, and binary is not built again",
  async () => {
    const large = { rows: 12_000, topics: 50, own: 0.1 }; // 240 nearly equal rows: 40 in a sample, which binary distances do order
    await fill("coarse", { m: 4, efConstruction: 24 }, large);
    expect((await maintain("coarse", { hold: true })).built).toEqual(["bit", "halfvec"]);
    const expected = { precision: "halfvec", coarse: true };
    expect(await vectorIndexesOf("coarse")).toMatchObject([{ rows: large.rows, settings: expected }]);
    expect((await maintain("coarse")).built).toEqual([]);
    await add("coarse", large.rows, large.rows + 150, large);
    expect((await maintain("coarse")).built).toEqual(["halfvec"]);
    expect(await vectorIndexesOf("coarse")).toMatchObject([{ settings: expected }, { settings: expected }]);
  },
);

test("a search and a calibration use the right one of two indexes over the same rows", async () => {
  await fill("twice", { m: 3, efConstruction: 60 });
  await maintain("twice");
  const before = await inspectCollection(own.database, tenantId, "twice");
  const [range] = servingRanges(before);
  const plan = { ...INDEX_DEFAULTS, m: 30, efConstruction: 60 }; // Postgres estimates a higher cost than for the current index
  await buildRange(own.database, {
    collection: before.collection,
    plan,
    range: range as NonNullable<typeof range>,
    indexes: before.indexes,
  });
  const both = await vectorIndexesOf("twice");
  expect(both.map(({ state, usable }) => [state, usable])).toEqual(
    expect.arrayContaining([
      ["retired", true],
      ["valid", true],
    ]),
  );
  const current = both.find(({ state }) => state === "valid")?.name;
  const { steps } = await explainSearch(own.services, tenantId, {
    collection: "twice",
    embedding: vector(3),
  });
  expect(steps.flatMap((step) => step.plan).join("\n")).toContain(`Index Scan using ${current} `);
  const { collection, indexes } = await findTarget(own.database, tenantId, "twice");
  const index = indexes.find(({ kind }) => kind === "vector") as IndexedRange;
  const [rows] = await own.database.read(
    [sql`EXPLAIN ${neighborsStatement(collection, planIndexScan(index, { limit: 10 }), { queried: sql`id = 'd1'` })}`],
    {
      settings: {
        ...tenantSettings(tenantId),
        ...indexSettings([index], { limit: 10 }),
      },
    },
  );
  expect(JSON.stringify(rows)).toContain(`Index Scan using ${current} `);
});

test("a requested binary index that is too coarse is replaced when it is no longer requested", async () => {
  await fill("asked", { precision: "bit", efConstruction: 24 });
  expect((await maintain("asked")).built).toEqual(["bit"]);
  const open = { indexSettings: { threshold: 100, efConstruction: 24 } };
  await changeCollection(own.database, tenantId, "asked", open);
  expect((await maintain("asked")).built).toEqual([]); // they are fine here
  await own.database.maintain([
    `UPDATE cairn.collection_indexes SET settings = settings || '{"coarse": true}' WHERE kind = 'vector'
     AND collection_id = (SELECT id FROM cairn.collections WHERE name = 'asked')`,
  ]);
  expect((await maintain("asked")).built).toEqual(["halfvec"]);
});

test("binary is a candidate only if no precision is set, and full precision follows if the dimensions allow it", async () => {
  await fill("pure");
  const { collection } = await inspectCollection(own.database, tenantId, "pure");
  const range = { first: 0, last: 0, rows: ROWS };
  const precisions = (settings: IndexSettings, previous: object = {}, binaryRecall = 1) => {
    const indexes = [{ kind: "vector", first: 0, last: 0, settings: previous }] as never;
    const build = { plan: { ...INDEX_DEFAULTS, ...settings }, range, indexes };
    return planCandidates({ ...build, collection: { ...collection, indexSettings: settings } }, binaryRecall).map(
      (candidate) => candidate.plan.precision,
    );
  };
  expect(precisions({})).toEqual(["bit", "halfvec", "vector"]);
  expect(precisions({}, {}, 0.1)).toEqual(["halfvec", "vector"]);
  expect(precisions({}, { coarse: true })).toEqual(["halfvec", "vector"]);
  expect(precisions({ type: "ivfflat" })).toEqual(["halfvec", "vector"]);
  expect(precisions({ precision: "halfvec" })).toEqual(["halfvec", "vector"]);
  const overflowed = { precision: "vector", asked: { precision: "halfvec" } };
  expect(precisions({ precision: "halfvec" }, overflowed)).toEqual(["vector"]);
  expect(precisions({ precision: "bit" })).toEqual(["bit"]);
  const plans = (indexSettings: IndexSettings, rows = ROWS) =>
    planCandidates(
      {
        collection: { ...collection, indexSettings },
        plan: { ...INDEX_DEFAULTS, ...indexSettings },
        range: { ...range, rows },
        indexes: [],
      },
      1,
    ).map(({ plan: { precision, efConstruction } }) => [precision, efConstruction]);
  expect(plans({}).slice(0, 2)).toEqual([
    ["bit", 200],
    ["halfvec", 120],
  ]);
  expect(plans({ efConstruction: 64 })[0]).toEqual(["bit", 64]);
  expect(plans({}, 1_000_000).slice(0, 2)).toEqual([
    ["bit", 240],
    ["halfvec", 120],
  ]);
  expect(plans({ precision: "bit" }, 1_000_000)).toEqual([["bit", 240]]);
  const binaryBuild = { plan: { ...INDEX_DEFAULTS, precision: "bit" as const }, range, indexes: [] };
  expect(planCandidates({ ...binaryBuild, collection: { ...collection, indexSettings: {} } }, 1)).toHaveLength(1);
});
