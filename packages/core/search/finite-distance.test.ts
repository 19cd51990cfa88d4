import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { useTenant, useTestDatabase } from "../../../test/support/fixture.ts";
import { createCollection } from "../collection/create.ts";
import { ingest } from "../document/ingest.ts";
import { METRICS } from "../index/metric.ts";
import { query } from "./query.ts";

const own = useTestDatabase();
const { services } = own;
const tenantId = useTenant(own);

const filled = (element: number) => new Float32Array(4).fill(element);
/** From zero to the largest number, including numbers whose squares overflow or underflow. */
const EXTREMES = [0, 1e-45, 1e-30, 1e-20, 1e-15, 1e-10, 1, 1e10, 1e17, 1e19, 1e20, 1e30, 3.4e38];
const vectors = EXTREMES.flatMap((element) => [filled(element), filled(-element)]);

describe.each(METRICS)("%s", (metric) => {
  test("an extreme vector is refused, or has a finite distance to all others", async () => {
    await createCollection(own.database, tenantId, {
      name: metric,
      metric,
      dimensions: 4,
      embeddingModel: "offline/words",
    });
    const documents = vectors.map((embedding, n) => ({ id: `d${n}`, content: "violin", embedding }));
    const { ids, failed } = await ingest(services, tenantId, { collection: metric, documents });
    expect(ids.length).toBeGreaterThan(8);
    expect(failed.length).toBeGreaterThan(3);
    for (const { code, message } of failed) expect([code, message]).toEqual(["invalid_input", expect.any(String)]);
    let answered = 0;
    for (const embedding of vectors) {
      const search = query(services, tenantId, { collection: metric, embedding, topK: 100 });
      const hits = await search.catch((error: unknown) => {
        expect(error).toMatchObject({ code: "invalid_input", path: "query_embedding" });
        return undefined;
      });
      if (!hits) continue;
      answered++;
      expect(hits).toHaveLength(ids.length);
      for (const { distance, score } of hits)
        expect(
          [distance, score].every((number) => Number.isFinite(number)),
          `${distance}`,
        ).toBe(true);
    }
    expect(answered).toBeGreaterThan(8);
  });

  test("invalid vectors that an earlier version stored come last, at a finite distance", async () => {
    const name = `old-${metric}`;
    await createCollection(own.database, tenantId, {
      name,
      metric,
      dimensions: 4,
      embeddingModel: "offline/words",
    });
    const documents = ["a", "b", "c", "d"].map((id) => ({ id, content: "violin", embedding: filled(1) }));
    const { collection } = await ingest(services, tenantId, { collection: name, documents });
    for (const [id, element] of Object.entries({ b: 0, c: 3e38, d: -3e38 }))
      await own.database.transaction(({ orm }) =>
        orm.execute(sql`UPDATE cairn.documents SET embedding = array_fill(${element}::real, ARRAY[4])::vector
                        WHERE collection_id = ${collection.id}::uuid AND id = ${id}::text`),
      );
    for (const mode of ["vector", "hybrid"] as const) {
      const options = { collection: name, mode, text: mode === "hybrid" ? "violin" : undefined };
      const hits = await query(services, tenantId, { ...options, embedding: filled(2) });
      expect(hits).toHaveLength(4);
      for (const { distance } of hits) expect(Number.isFinite(distance)).toBe(true);
      expect(JSON.stringify(hits)).not.toContain('"distance":null');
    }
  });
});
