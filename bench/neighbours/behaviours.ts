import { randomBytes } from "node:crypto";
import type { BenchDocument } from "../support/dataset.ts";
import type { Answered, Sender } from "./send.ts";

export interface WorstTarget {
  readonly sender: Sender;
  /** Of the tenant that does its worst. */
  readonly key: string;
  readonly documents: readonly BenchDocument[];
  readonly queries: readonly Float32Array[];
}

export interface Behaviour {
  readonly name: string;
  /** The `n`th request. */
  readonly request: (target: WorstTarget, n: number) => Promise<Answered>;
}

/** Words of a text that is as large as a body may be. */
const LARGE_WORDS = 700_000;

const text = (words: number) => Array.from({ length: words }, (_, n) => `word${n % 5_000}`).join(" ");
const large = text(LARGE_WORDS).slice(0, 4_800_000);
const vectorOf = (embedding: Float32Array) => Buffer.from(embedding.buffer).toString("base64");

/** What a tenant can do within every documented limit. */
export const BEHAVIOURS: readonly Behaviour[] = [
  {
    name: "slow scans for a regular expression",
    request: ({ sender, key, queries }, n) =>
      post(sender, key, "/v1/query", {
        query_embedding: vectorOf(queries[n % queries.length] as Float32Array),
        where_document: { $regex: `(a|e|i|o|u)+[^x]*${n}(z|q)+y` },
      }),
  },
  {
    name: "large lists",
    request: ({ sender, key }) => sender({ path: "/v1/documents?limit=1000", key, method: "GET" }),
  },
  {
    name: "100 queries of 1,000 hits",
    request: ({ sender, key, queries }) =>
      post(sender, key, "/v1/query", {
        queries: Array.from({ length: 100 }, (_, n) => ({
          query_embedding: vectorOf(queries[n % queries.length] as Float32Array),
        })),
        top_k: 1_000,
        include: ["metadata"],
      }),
  },
  {
    name: "writes with vectors",
    request: ({ sender, key, documents }, n) =>
      post(sender, key, "/v1/documents", {
        documents: Array.from({ length: 100 }, (_, at) => {
          const { id, content, embedding } = documents[(n * 100 + at) % documents.length] as BenchDocument;
          return { id, content: `${content} ${n}`, embedding: vectorOf(embedding) };
        }),
      }),
  },
  {
    name: "batches of MCP",
    request: ({ sender, key }, n) =>
      post(
        sender,
        key,
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
    request: ({ sender }) => post(sender, `cairn_${randomBytes(32).toString("base64url")}`, "/v1/query", {}),
  },
  {
    name: "requests for the description",
    request: ({ sender, key }) => sender({ path: "/openapi.json", key, method: "GET" }),
  },
  // The last: its jobs go on when it is over.
  {
    name: "bulk writes of large documents",
    request: ({ sender, key }, n) =>
      post(sender, key, "/v1/documents/bulk", { documents: [{ id: `large-${n % 20}`, content: large }] }),
  },
];

function post(sender: Sender, key: string, path: string, body: object): Promise<Answered> {
  return sender({ path, key, body: JSON.stringify(body) });
}
