import { expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { randomFrom } from "../../../test/support/random-documents.ts";
import { createCollection } from "../collection/create.ts";
import { ingest } from "../document/ingest.ts";
import { maintainIndexes } from "../maintenance/indexes.ts";
import { query } from "./query.ts";

const own = useTestDatabase();
const tenantId = useTenant(own);

const DIMENSIONS = 24;
const CLUSTERS = 80;
const ROWS = 6_000;

const random = randomFrom(5);
const noise = (scale: number) => Float32Array.from({ length: DIMENSIONS }, () => scale * (2 * random() - 1));
const add = (a: Float32Array, b: Float32Array) => a.map((element, index) => element + (b[index] as number));
const centers = Array.from({ length: CLUSTERS }, () => noise(1));

/** Rows in clusters. The clusters on one side of the space match the filters. */
const DOCUMENTS = Array.from({ length: ROWS }, (_, n) => {
  const center = centers[n % CLUSTERS] as Float32Array;
  const side = (center[0] as number) > 0.3 ? "east" : "west";
  return {
    id: `d${n}`,
    content: `a passage of the ${side}`,
    metadata: { side, n },
    embedding: add(center, noise(0.2)),
  };
});

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) =>
    x.reduce((sum, element, index) => sum + element * (y[index] as number), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Recall of queries near the rows that do not match. */
async function recallOf(filters: { readonly filter?: object; readonly whereDocument?: object }): Promise<number> {
  const matching = DOCUMENTS.filter(({ metadata }) => metadata.side === "east");
  const recalls: number[] = [];
  for (const center of centers.filter(([first]) => (first as number) < 0).slice(0, 20)) {
    const embedding = add(center, noise(0.2));
    const hits = await query(own.services, tenantId, { embedding, ...filters });
    expect(hits).toHaveLength(10);
    const tenth = matching.map((document) => cosine(document.embedding, embedding)).sort((a, b) => b - a)[9] as number;
    const distances = hits.map(({ distance }) => distance as number);
    recalls.push(distances.filter((distance) => distance <= 1 - tenth + 1e-6).length / 10);
  }
  return recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length;
}

test("a filter whose rows are far from the query finds the nearest of them", async () => {
  expect(DOCUMENTS.filter(({ metadata }) => metadata.side === "east").length).toBeGreaterThan(ROWS / 4); // too many for a pre-filter
  await createCollection(own.database, tenantId, { embeddingModel: null, dimensions: DIMENSIONS });
  await ingest(own.services, tenantId, { documents: DOCUMENTS });
  await maintainIndexes(own.database, { tenantId });
  expect(await recallOf({ filter: { side: "east" } })).toBeGreaterThanOrEqual(0.99);
  expect(await recallOf({ filter: { side: { $ne: "west" } } })).toBeGreaterThanOrEqual(0.99);
  expect(await recallOf({ whereDocument: { $contains: "of the east" } })).toBeGreaterThanOrEqual(0.99);
});
