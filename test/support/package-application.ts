// An application that uses the published package: compiled under `strict` and run in an empty folder.
import { cairnSearch } from "cairndb/ai-sdk";
import { createClient, encodeVector, read } from "cairndb/client";
import {
  connect,
  createEmbedders,
  ensureCollection,
  ensureTenant,
  type Hit,
  ingest,
  migrateSchema,
  query,
} from "cairndb/core";
import { CairnRetriever } from "cairndb/langchain";

const [, , url = "", key = ""] = process.argv;
const client = createClient({ url, key });
const { hits } = await read(client.v1.query.$post({ json: { query: "can I get my money back", top_k: 1 } }));
const first: string | undefined = hits[0]?.id;
// @ts-expect-error: top_k is a number
const wrong = { json: { query: "x", top_k: "1" } } satisfies Parameters<typeof client.v1.query.$post>[0];
const database = await connect({ directory: "library" });
await migrateSchema(database);
const services = { database, embedders: createEmbedders({ bundledByDefault: true }) };
const { id } = await ensureTenant(database, "acme");
await ensureCollection(database, id, { embeddingModel: "bundled/use-lite" });
await ingest(services, id, { documents: [{ id: "refunds", content: "We refund within 60 days." }] });
const found: readonly Hit[] = await query(services, id, { text: "money back" });
await ensureCollection(database, id, { name: "table", embeddingModel: "bundled/glove-50k" });
await ingest(services, id, { collection: "table", documents: [{ id: "hours", content: "Stores open daily." }] });
const foundByTable: readonly Hit[] = await query(services, id, {
  collection: "table",
  text: "when may I visit the shop",
});
await database.close();
console.log(
  JSON.stringify({
    first,
    found: found[0]?.id,
    foundByTable: foundByTable[0]?.id,
    vector: encodeVector(new Float32Array(1)),
    tool: typeof cairnSearch(client),
    retriever: (await new CairnRetriever({ client }).invoke("money back")).length,
    wrong: typeof wrong,
    from: ["client", "core", "langchain", "ai-sdk"].map((path) => import.meta.resolve(`cairndb/${path}`)),
  }),
);
