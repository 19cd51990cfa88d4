// An application that uses Chroma, as it was written for Chroma. The demo runs it against the Chroma server and against Cairn.
// node application.mjs <host> <port> <collection> [token]
import { ChromaClient } from "chromadb";

const [host, port, name, token] = process.argv.slice(2);
const client = new ChromaClient({ host, port: Number(port), headers: token ? { "x-chroma-token": token } : {} });
const collection = await client.getCollection({ name });
const first = await collection.get({ limit: 1, include: ["documents", "embeddings"] });
const similar = await collection.query({ queryEmbeddings: first.embeddings, nResults: 3, where: { public: true } });
console.log(`   ${await collection.count()} records in collection ${collection.id}`);
console.log(`   the first: ${first.ids[0]}`);
// A vector's distance to itself can be a rounding error below zero.
const distances = similar.distances[0].map((distance) => Math.abs(distance).toFixed(4));
console.log(`   similar to it: ${similar.ids[0].map((id, place) => `${id} (${distances[place]})`).join(", ")}`);
