import { expect, test } from "vitest";
import { serverUrl } from "../../../test/support/database.ts";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import type { IndexSettings } from "../database/collection-settings.ts";
import { ingest } from "../document/ingest.ts";
import { explainSearch } from "../search/explain.ts";
import { maintainIndexes } from "./indexes.ts";
import { inspectCollection } from "./inspect.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);

const DIMENSIONS = 24;

/** Pseudo-random noise, the same in every run. */
function vector(n: number): Float32Array {
  const wave = (i: number) => Math.sin(n * 12.9898 + i * 78.233) * 43_758.5453;
  return Float32Array.from({ length: DIMENSIONS }, (_, i) => wave(i) - Math.floor(wave(i)) - 0.5);
}

/** Builds an index. Returns the ef_search of the calibration, of a search and of its explanation. */
async function build(name: string, indexSettings: IndexSettings) {
  const services = own.services;
  await createCollection(own.database, tenantId, {
    name,
    embeddingModel: null,
    dimensions: DIMENSIONS,
    indexSettings,
  });
  const documents = Array.from({ length: 3_000 }, (_, n) => ({
    id: `d${n}`,
    content: null,
    embedding: vector(n),
  }));
  await ingest(services, tenantId, { collection: name, documents });
  await maintainIndexes(own.database, { tenantId, collection: name });
  const { indexes } = await inspectCollection(own.database, tenantId, name);
  const { steps, words } = await explainSearch(services, tenantId, {
    collection: name,
    embedding: vector(1),
  });
  const settings = steps.flatMap((step) => step.settings).join();
  return {
    calibrated: indexes.find(({ kind }) => kind === "vector")?.settings.efSearch as number,
    searched: Number(/hnsw\.ef_search = '(\d+)'/.exec(settings)?.[1]),
    explained: Number(/ef_search (\d+)/.exec(words.join())?.[1]),
  };
}

test("an HNSW index with good recall is searched with the default ef_search", async () => {
  expect(await build("good", { m: 24, efConstruction: 200 })).toEqual({
    calibrated: 100,
    searched: 100,
    explained: 100,
  });
});

test("an HNSW index that misses neighbors is searched with more candidates, unless the collection sets efSearch", async () => {
  const weak = { m: 3, efConstruction: 8 };
  const { calibrated, searched, explained } = await build("weak", weak);
  expect(calibrated).toBeGreaterThan(100);
  expect([searched, explained]).toEqual([calibrated, calibrated]);
  expect(await build("set", { ...weak, efSearch: 40 })).toMatchObject({ searched: 40, explained: 40 });
});

const BINARY_DIMENSIONS = 1_024;
const ROWS = 1_500;

/** Vectors on a circle, or of topics that are all equally far from each other. */
function shaped(shape: "circle" | "topics", n: number): Float32Array {
  const noise = (seed: number, i: number) => Math.sin(seed * 12.9898 + i * 78.233) * 43_758.5453;
  const unit = (seed: number, i: number) => noise(seed, i) - Math.floor(noise(seed, i)) - 0.5;
  const turn = (2 * Math.PI * n) / ROWS;
  return Float32Array.from({ length: BINARY_DIMENSIONS }, (_, i) =>
    shape === "circle"
      ? Math.cos(turn) * unit(1, i) + Math.sin(turn) * unit(2, i)
      : unit(n % 100, i) + 0.8 * unit(n + 1_000, i),
  );
}

// Builds an HNSW index of 1,024 dimensions, which is slow in WASM.
test.runIf(serverUrl())(
  "calibration measures the filter depth of a binary-quantized index: 0 if all other topics are equally far away",
  async () => {
    const settingsOf = async (shape: "circle" | "topics") => {
      const options = {
        name: shape,
        embeddingModel: null,
        dimensions: BINARY_DIMENSIONS,
        indexSettings: { threshold: 100 },
      };
      await createCollection(own.database, tenantId, options);
      const documents = Array.from({ length: ROWS }, (_, n) => ({
        id: `d${n}`,
        content: null,
        embedding: shaped(shape, n),
      }));
      await ingest(own.services, tenantId, { collection: shape, documents });
      await maintainIndexes(own.database, { tenantId, collection: shape });
      const { indexes } = await inspectCollection(own.database, tenantId, shape);
      return indexes.find(({ kind }) => kind === "vector")?.settings;
    };
    const explain = async (filter?: object) => {
      const { words } = await explainSearch(own.services, tenantId, {
        collection: "topics",
        embedding: shaped("topics", 1),
        filter,
      });
      return words.join();
    };
    expect(await settingsOf("circle")).toMatchObject({ precision: "bit", depth: 500 });
    expect(await settingsOf("topics")).toMatchObject({ precision: "bit", depth: 0 });
    expect(await explain()).toContain("uses 1 index");
    expect(await explain({ any: "thing" })).toContain(
      "exact, compares every row that matches the filter: the metadata index finds them among 1500 rows",
    );
  },
);
