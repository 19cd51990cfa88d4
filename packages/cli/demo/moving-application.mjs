// An application that writes and searches without a pause, as it was written for Chroma. It ends with its standard input, and prints
// what became of its requests.
// node moving-application.mjs <host> <port> <collection> [token]
import { setTimeout } from "node:timers/promises";
import { ChromaClient } from "chromadb";

const [host, port, name, token] = process.argv.slice(2);
const client = new ChromaClient({ host, port: Number(port), headers: token ? { "x-chroma-token": token } : {} });
const collection = await client.getCollection({ name });
const { embeddings } = await collection.get({ limit: 10, include: ["embeddings"] });
const before = await collection.count();
const result = { writes: 0, queries: 0, failed: 0, longestWriteMs: 0, missing: 0 };
let isRunning = true;
process.stdin.once("end", () => (isRunning = false)).resume();

async function attempt(request) {
  try {
    await request();
  } catch (error) {
    result.failed++;
    console.error(error.message);
  }
}

async function write() {
  for (let number = 0; isRunning; number++) {
    const embedding = embeddings[number % embeddings.length].map((element) => element * (1 + Math.sin(number) / 10));
    const record = { ids: [`order-${number}`], embeddings: [embedding], documents: [`Order ${number} was delivered.`] };
    const started = performance.now();
    await attempt(() => collection.add({ ...record, metadatas: [{ number, public: true }] }));
    result.longestWriteMs = Math.max(result.longestWriteMs, performance.now() - started);
    result.writes++;
    await setTimeout(10);
  }
}

async function search() {
  for (; isRunning; result.queries++) {
    const queryEmbeddings = [embeddings[result.queries % embeddings.length]];
    await attempt(() => collection.query({ queryEmbeddings, nResults: 3, where: { public: true } }));
    await setTimeout(10);
  }
}

await Promise.all([write(), search()]);
result.missing = before + result.writes - result.failed - (await collection.count());
console.log(JSON.stringify(result));
process.exit();
