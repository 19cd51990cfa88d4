import { createCollection } from "@cairn/core/collection/create.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { offlineServices } from "./services.ts";

/** Creates a tenant with a collection `points` of 30 rows that needs an index. `element`: value of the first vector; 70,000 exceeds `halfvec`. */
export async function addPoints(
  database: Database,
  tenant: string,
  { dimensions = 4, element = 1 }: { readonly dimensions?: number; readonly element?: number } = {},
) {
  const { id } = await createTenant(database, { name: tenant });
  const { id: collection } = await createCollection(database, id, {
    name: "points",
    embeddingModel: null,
    metric: "l2",
    indexSettings: { threshold: 20 },
  });
  const documents = Array.from({ length: 30 }, (_, n) => ({
    id: `d${n}`,
    content: `passage ${n}`,
    embedding: new Float32Array(dimensions).fill(n === 0 ? element : n),
  }));
  await ingest(offlineServices(database), id, { collection: "points", documents });
  return { id, collection };
}

/** Values too large for a half-precision index, with more dimensions than a full-precision index supports. */
export const UNINDEXABLE = { dimensions: 2_001, element: 70_000 };
