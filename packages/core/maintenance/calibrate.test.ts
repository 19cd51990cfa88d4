import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, serverUrl, type TestDatabase } from "../../../test/support/database.ts";
import { offlineServices } from "../../../test/support/services.ts";
import { createCollection } from "../collection/create.ts";
import type { IndexSettings } from "../collection/index-settings.ts";
import { ingest } from "../document/ingest.ts";
import { explainSearch } from "../search/explain.ts";
import { createTenant } from "../tenant/tenant.ts";
import { maintainIndexes } from "./indexes.ts";
import { inspectCollection } from "./inspect.ts";

let own: TestDatabase;
let tenantId: string;
beforeAll(async () => {
  own = await createTestDatabase();
  ({ id: tenantId } = await createTenant(own.database, { name: "t" }));
});
afterAll(() => own?.drop());

const DIMENSIONS = 24;

/** Noise without a pattern, the same in every run. */
function vector(n: number): Float32Array {
  const wave = (i: number) => Math.sin(n * 12.9898 + i * 78.233) * 43_758.5453;
  return Float32Array.from({ length: DIMENSIONS }, (_, i) => wave(i) - Math.floor(wave(i)) - 0.5);
}

/** The ef_search that a build chose, and the one that a search goes by. */
async function build(name: string, indexSettings: IndexSettings) {
  const services = offlineServices(own.database);
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
    chosen: indexes.find(({ kind }) => kind === "vector")?.settings.efSearch as number,
    searched: Number(/hnsw\.ef_search = '(\d+)'/.exec(settings)?.[1]),
    told: Number(/ef_search (\d+)/.exec(words.join())?.[1]),
  };
}

test("a graph that finds what it holds is searched by the default", async () => {
  expect(await build("good", { m: 24, efConstruction: 200 })).toEqual({
    chosen: 100,
    searched: 100,
    told: 100,
  });
});

test("one that misses neighbours is searched by more candidates, unless the collection has its own setting", async () => {
  const poor = { m: 3, efConstruction: 8 };
  const { chosen, searched, told } = await build("poor", poor);
  expect(chosen).toBeGreaterThan(100);
  expect([searched, told]).toEqual([chosen, chosen]);
  expect(await build("set", { ...poor, efSearch: 40 })).toMatchObject({ searched: 40, told: 40 });
});

const LONG = 1_024;
const LAPS = 1_500;

/** Rows of a circle, or of topics that lie as far from one another as any. */
function shaped(shape: "circle" | "topics", n: number): Float32Array {
  const noise = (seed: number, i: number) => Math.sin(seed * 12.9898 + i * 78.233) * 43_758.5453;
  const unit = (seed: number, i: number) => noise(seed, i) - Math.floor(noise(seed, i)) - 0.5;
  const turn = (2 * Math.PI * n) / LAPS;
  return Float32Array.from({ length: LONG }, (_, i) =>
    shape === "circle"
      ? Math.cos(turn) * unit(1, i) + Math.sin(turn) * unit(2, i)
      : unit(n % 100, i) + 0.8 * unit(n + 1_000, i),
  );
}

// By a graph of 1,024 dimensions, which WASM takes a while for.
test.runIf(serverUrl())(
  "how far a filter may take a scan by bits is measured: not to where vectors are all as far away",
  async () => {
    const depthOf = async (shape: "circle" | "topics") => {
      const place = {
        name: shape,
        embeddingModel: null,
        dimensions: LONG,
        indexSettings: { threshold: 100 },
      };
      await createCollection(own.database, tenantId, place);
      const documents = Array.from({ length: LAPS }, (_, n) => ({
        id: `d${n}`,
        content: null,
        embedding: shaped(shape, n),
      }));
      await ingest(offlineServices(own.database), tenantId, { collection: shape, documents });
      await maintainIndexes(own.database, { tenantId, collection: shape });
      const { indexes } = await inspectCollection(own.database, tenantId, shape);
      return indexes.find(({ kind }) => kind === "vector")?.settings;
    };
    const words = async (filter?: object) => {
      const { words } = await explainSearch(offlineServices(own.database), tenantId, {
        collection: "topics",
        embedding: shaped("topics", 1),
        filter,
      });
      return words.join();
    };
    expect(await depthOf("circle")).toMatchObject({ precision: "bit", depth: 500 });
    expect(await depthOf("topics")).toMatchObject({ precision: "bit", depth: 0 });
    expect(await words()).toContain("through 1 index");
    expect(await words({ any: "thing" })).toContain(
      "exactly, every row of 1500 that the filter lets through",
    );
  },
);
