import { createCollection } from "@cairn/core/collection/create.ts";
import { connectPg } from "@cairn/core/database/pg.ts";
import { migrateSchema } from "@cairn/core/database/schema-migrations.ts";
import { ingest } from "@cairn/core/document/ingest.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";

// Ingests the worst case that the limits allow and prints the peak memory (resident set) in MB:
// node worst-ingest.ts DATABASE_URL EMBEDDING_URL many|long PASSAGES

const DIMENSIONS = 16_000;
const DOCUMENTS = 500;

const [databaseUrl = "", baseUrl, form, passages = "1000"] = process.argv.slice(2);
const embedders = createEmbedders({
  openai: { baseUrl },
  defaultModel: "openai/wide",
  defaultDimensions: DIMENSIONS,
  requests: { deadline: 600_000, attemptTimeout: 120_000 },
});
const database = connectPg({ url: databaseUrl });
try {
  await migrateSchema(database);
  const { id } = await createTenant(database, { name: `memory-${crypto.randomUUID()}` });
  await createCollection(database, id, {
    name: "wide",
    dimensions: DIMENSIONS,
    embeddingModel: "openai/wide",
  });
  const count = form === "long" ? 1 : DOCUMENTS;
  const passagesPerDocument = Math.ceil(Number(passages) / count);
  const documents = Array.from({ length: count }, (_, document) => ({
    id: `d${document}`,
    content: Array.from(
      { length: passagesPerDocument },
      (_, n) => `Sentence ${n} of ${document} says one short thing.`,
    ).join(" "),
  }));
  const result = await ingest({ database, embedders }, id, {
    collection: "wide",
    documents,
    maxTokens: 16,
    overlap: 0,
  });
  const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ megabytes, passages: result.passages, failed: result.failed.length }));
} finally {
  await database.close();
}
