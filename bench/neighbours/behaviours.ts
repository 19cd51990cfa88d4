import { randomBytes } from "node:crypto";
import type { BenchDocument } from "../support/dataset.ts";
import type { Sent } from "./send.ts";

export interface WorstTarget {
  /** Of the service. */
  readonly url: string;
  /** Of the tenant that does its worst. */
  readonly key: string;
  readonly documents: readonly BenchDocument[];
  readonly queries: readonly Float32Array[];
}

export interface Behaviour {
  readonly name: string;
  /** The `n`th request; without a key it is the tenant's. */
  readonly request: (target: WorstTarget, n: number) => Omit<Sent, "key"> & Partial<Sent>;
}

/** A text that is as large as a body may be. */
const large = Array.from({ length: 700_000 }, (_, n) => `word${n % 5_000}`)
  .join(" ")
  .slice(0, 4_800_000);

const vectorOf = (embedding: Float32Array) =>
  Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength).toString("base64");

/** What a tenant can do within every documented limit. */
export const BEHAVIOURS: readonly Behaviour[] = [
  {
    name: "slow scans for a regular expression",
    request: ({ queries }, n) =>
      post("/v1/query", {
        query_embedding: vectorOf(queries[n % queries.length] as Float32Array),
        where_document: { $regex: `(a|e|i|o|u)+[^x]*${n}(z|q)+y` },
      }),
  },
  {
    name: "large lists",
    request: () => ({ path: "/v1/documents?limit=1000", method: "GET" }),
  },
  {
    name: "100 queries of 1,000 hits",
    request: ({ queries }, n) =>
      post("/v1/query", {
        queries: Array.from({ length: 100 }, (_, at) => ({
          query_embedding: vectorOf(queries[(n + at) % queries.length] as Float32Array),
        })),
        top_k: 1_000,
        include: ["metadata"],
      }),
  },
  {
    name: "writes with vectors",
    request: ({ documents }, n) =>
      post("/v1/documents", {
        documents: Array.from({ length: 100 }, (_, at) => {
          const { id, content, embedding } = documents[(n * 100 + at) % documents.length] as BenchDocument;
          return { id, content: `${content} ${n}`, embedding: vectorOf(embedding) };
        }),
      }),
  },
  {
    name: "batches of MCP",
    request: (_, n) =>
      post(
        "/mcp",
        Array.from({ length: 20 }, (_, id) => ({
          jsonrpc: "2.0",
          id,
          method: "tools/call",
          params: { name: "search", arguments: { query: `word ${n} ${id}`, top_k: 50 } },
        })),
      ),
  },
  {
    name: "random keys",
    request: () => ({ ...post("/v1/query", {}), key: `cairn_${randomBytes(32).toString("base64url")}` }),
  },
  {
    name: "requests for the description",
    request: () => ({ path: "/openapi.json", method: "GET" }),
  },
  // The last: its jobs go on when it is over.
  {
    name: "bulk writes of large documents",
    request: (_, n) => ({
      path: "/v1/documents/bulk",
      body: `{"documents":[{"id":"large-${n % 20}","content":"${large}"}]}`,
    }),
  },
];

function post(path: string, body: object): Omit<Sent, "key"> {
  return { path, body: JSON.stringify(body) };
}
