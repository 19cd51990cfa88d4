import { randomBytes } from "node:crypto";
import type { BenchDocument } from "../support/dataset.ts";
import type { BenchRequest } from "./sender.ts";

export interface NoisyTenant {
  /** URL of the service. */
  readonly url: string;
  /** API key of the tenant. */
  readonly key: string;
  readonly documents: readonly BenchDocument[];
  readonly queries: readonly Float32Array[];
}

export interface Behaviour {
  readonly name: string;
  /** The `n`th request. If it has no key, the tenant's key is used. */
  readonly request: (tenant: NoisyTenant, n: number) => Omit<BenchRequest, "key"> & Partial<BenchRequest>;
}

/** A text of nearly the largest size that a body can have. */
const largeText = Array.from({ length: 700_000 }, (_, n) => `word${n % 5_000}`)
  .join(" ")
  .slice(0, 4_800_000);

const toBase64 = (embedding: Float32Array) =>
  Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength).toString("base64");

/** Heavy loads that stay within every documented limit. */
export const BEHAVIOURS: readonly Behaviour[] = [
  {
    name: "slow scans for a regular expression",
    request: ({ queries }, n) =>
      post("/v1/query", {
        query_embedding: toBase64(queries[n % queries.length] as Float32Array),
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
          query_embedding: toBase64(queries[(n + at) % queries.length] as Float32Array),
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
          return { id, content: `${content} ${n}`, embedding: toBase64(embedding) };
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
    name: "requests for the API's description",
    request: () => ({ path: "/openapi.json", method: "GET" }),
  },
  // This is the last one, because its jobs continue after it stops.
  {
    name: "bulk writes of large documents",
    request: (_, n) => ({
      path: "/v1/documents/bulk",
      body: `{"documents":[{"id":"large-${n % 20}","content":"${largeText}"}]}`,
    }),
  },
];

function post(path: string, body: object): Omit<BenchRequest, "key"> {
  return { path, body: JSON.stringify(body) };
}
