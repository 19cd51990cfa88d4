import { createCollection } from "@cairn/core/collection/create.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { listDocuments } from "@cairn/core/document/list.ts";
import { createOfflineEmbedder } from "@cairn/core/embedding/offline.ts";
import type { Services } from "@cairn/core/services.ts";
import type { DatabaseFixture } from "./fixture.ts";

export const documents = (count: number, prefix = "d") =>
  Array.from({ length: count }, (_, n) => ({
    id: `${prefix}${n}`,
    content: `passage ${n} about ${n % 2 ? "returns" : "shipping"}`,
    metadata: { n },
    uri: `https://example.org/${n}`,
  }));

/** Services with the models test/old and test/new, which have 64 and 96 dimensions, and collections of a tenant. */
export function reembeddingOf(testDatabase: DatabaseFixture, tenantId: string) {
  /** Number of texts embedded so far. */
  const embedded = { texts: 0 };
  const services: Services = {
    get database() {
      return testDatabase.database;
    },
    embedders: {
      default: { model: "test/old", dimensions: 64 },
      notice: undefined,
      get: (model) => {
        const embedder = createOfflineEmbedder(model);
        return {
          ...embedder,
          embed: (texts, options) => {
            embedded.texts += texts.length;
            return embedder.embed(texts, { ...options, dimensions: model === "test/new" ? 96 : 64 });
          },
        };
      },
    },
  };
  return {
    services,
    embedded,
    /** Creates a collection of test/old with documents. */
    async fill(name: string, count: number): Promise<void> {
      const settings = { name, embeddingModel: "test/old", dimensions: 64 };
      await createCollection(testDatabase.database, tenantId, settings);
      await ingest(services, tenantId, { collection: name, documents: documents(count) });
    },
    async contents(collection: string): Promise<Record<string, unknown>> {
      const listed = await listDocuments(testDatabase.database, tenantId, { collection, limit: 1_000 });
      return Object.fromEntries(
        listed.documents.map(({ id, metadata, uri, passages }) => [
          id,
          { metadata, uri, passages: passages.map(({ content }) => content) },
        ]),
      );
    },
  };
}
