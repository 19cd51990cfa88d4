import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { type DialectRequest, type Ranked, RERANK_DIALECTS } from "./rerank-dialects.ts";

/** A scripted fault for one request. */
export type RerankFault =
  | { readonly kind: "status"; readonly status: number; readonly message?: string; readonly retryAfter?: string }
  /** Never responds. */
  | { readonly kind: "hang" }
  /** Responds after these milliseconds. */
  | { readonly kind: "slow"; readonly ms: number }
  | { readonly kind: "half_json" }
  /** Cuts the connection. */
  | { readonly kind: "drop" }
  /** Status 200 with this body. */
  | { readonly kind: "body"; readonly body: unknown }
  /** Changes the results before they are written in the dialect. */
  | { readonly kind: "results"; readonly change: (results: readonly Ranked[]) => readonly object[] };

export interface RerankApi {
  /** The address of the endpoint. */
  readonly url: string;
  readonly requests: readonly (DialectRequest & { readonly authorization: string | undefined })[];
  /** Number of requests that are being processed. */
  running(): number;
  /** Sets the faults of the next requests; null: success. Later requests succeed. */
  script(...faults: readonly (RerankFault | null)[]): void;
  /** Sets the fault of every request that the script does not cover. */
  always(fault: RerankFault | null): void;
  stop(): Promise<void>;
}

export interface RerankApiOptions {
  /** Default `cohere`. */
  readonly dialect?: keyof typeof RERANK_DIALECTS;
  /** The score of a passage. Default: the share of the query's words in it. */
  readonly score?: (query: string, passage: string) => number;
}

/** A scripted server on loopback that implements the rerank API of a provider, and refuses what that provider refuses. */
export async function startRerankApi({
  dialect: name = "cohere",
  score = shareOfWords,
}: RerankApiOptions = {}): Promise<RerankApi> {
  const dialect = RERANK_DIALECTS[name];
  const requests: (DialectRequest & { readonly authorization: string | undefined })[] = [];
  const faults: (RerankFault | null)[] = [];
  let defaultFault: RerankFault | null = null;
  let running = 0;
  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "POST" || request.url !== dialect.path)
      return send(response, 404, dialect.failure(`no such path: ${request.url}`));
    const read = dialect.read(await json(request));
    if (typeof read === "string") return send(response, dialect.invalidStatus, dialect.failure(read));
    requests.push({ ...read, authorization: request.headers.authorization });
    const fault = faults.length > 0 ? faults.shift() : defaultFault;
    if (fault?.kind === "hang") return;
    if (fault?.kind === "slow") await new Promise((resolve) => setTimeout(resolve, fault.ms));
    if (fault?.kind === "drop") return void response.destroy();
    if (fault?.kind === "half_json") return void response.end('{"results": [');
    if (fault?.kind === "body") return send(response, 200, fault.body);
    if (fault?.kind === "status") {
      const headers = fault.retryAfter ? { "retry-after": fault.retryAfter } : {};
      return send(response, fault.status, dialect.failure(fault.message ?? `refused with ${fault.status}`), headers);
    }
    const ranked = read.passages
      .map((passage, index) => ({ index, score: score(read.query, passage) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, read.limit);
    const results = fault?.kind === "results" ? fault.change(ranked) : ranked;
    send(response, 200, dialect.write(results as readonly Ranked[]));
  }
  const server = createServer((request, response) => {
    running++;
    response.once("close", () => running--);
    respond(request, response).catch((error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${dialect.path}`,
    requests,
    running: () => running,
    script: (...next) => void faults.push(...next),
    always(fault) {
      defaultFault = fault;
    },
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function send(response: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

function shareOfWords(query: string, passage: string): number {
  const words = query.toLowerCase().match(/\w+/g) ?? [];
  const text = passage.toLowerCase();
  return words.filter((word) => text.includes(word)).length / Math.max(1, words.length);
}
