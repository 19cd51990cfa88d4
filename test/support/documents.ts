import { createCollection } from "@cairn/core/collection/create.ts";
import { countDocuments } from "@cairn/core/document/count.ts";
import type { NewDocument } from "@cairn/core/document/document.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { getDocuments } from "@cairn/core/document/list.ts";
import type { DatabaseFixture } from "./fixture.ts";

export const vector = (...elements: number[]) => new Float32Array(elements);
export const words = (count: number) => Array.from({ length: count }, (_, n) => `word${n}`).join(" ");

/** Functions that create collections of a tenant, and write and read documents in them. */
export function documentsOf(testDatabase: DatabaseFixture, tenantId: string) {
  let created = 0;
  return {
    /** Creates a collection for one test. Returns its name. */
    async collection(dimensions: number | null = 4): Promise<string> {
      const name = `c${++created}`;
      const settings = { name, dimensions, embeddingModel: "offline/words" };
      await createCollection(testDatabase.database, tenantId, settings);
      return name;
    },
    read: (name: string, ...ids: string[]) => getDocuments(testDatabase.database, tenantId, { collection: name, ids }),
    put: (name: string, ...documents: NewDocument[]) =>
      ingest(testDatabase.services, tenantId, { collection: name, documents }),
    count: (name: string) => countDocuments(testDatabase.database, tenantId, { collection: name }),
  };
}
