import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type Api, type AppOptions, createApp } from "@cairn/api/app.ts";
import { createJobKinds } from "@cairn/api/jobs.ts";
import { cutoverRoutes } from "@cairn/chroma/service/cutover/routes.ts";
import { migrationJobKinds } from "@cairn/chroma/service/job.ts";
import { createNamespaceResolver } from "@cairn/chroma/service/namespaces/resolver.ts";
import { namespaceRoutes } from "@cairn/chroma/service/namespaces/routes.ts";
import { migrationRoutes } from "@cairn/chroma/service/routes.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { createEmbedders, type EmbeddingConfig } from "@cairn/core/embedding/embedders.ts";
import { createLocalQueue, type LocalQueue } from "@cairn/core/job/local-queue.ts";
import type { Reranker } from "@cairn/core/rerank/reranker.ts";
import type { Services } from "@cairn/core/services.ts";
import { createApiKey } from "@cairn/core/tenant/api-key.ts";
import { createTenant } from "@cairn/core/tenant/tenant.ts";
import { createUsageBuffer } from "@cairn/core/usage/buffer.ts";
import { serve } from "@hono/node-server";
import { type DatabaseFixture, useResource } from "./fixture.ts";

export interface TestApi {
  readonly app: Api;
  readonly services: Services;
  readonly queue: LocalQueue;
  /** The key of an operator. */
  readonly operator: string;
  /** Creates a tenant with a key that has every scope. */
  addTenant(name?: string): Promise<{ readonly id: string; readonly key: string }>;
  call(method: string, path: string, options?: CallOptions): Promise<ApiResponse>;
}

export interface CallOptions {
  readonly key?: string;
  /** Sent as JSON, or as it is if it is a form. */
  readonly body?: unknown;
  /** Sent unchanged. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test checks the shape itself
  readonly body: any;
}

export interface TestApiOptions extends Partial<AppOptions> {
  readonly embedding?: EmbeddingConfig;
  /** Default: none. */
  readonly reranker?: Reranker;
  /** Default: an address without a server. */
  readonly chromaUrl?: string;
}

/** Creates the complete service over a database without a socket. Requests are passed in directly, as in Lambda. */
export async function createTestApi(
  database: Database,
  { embedding = {}, reranker, chromaUrl, ...options }: TestApiOptions = {},
): Promise<TestApi> {
  const words = embedding.openai ? {} : { defaultModel: "offline/words" };
  const usage = createUsageBuffer(database, { hasTimer: false });
  const services = { database, embedders: createEmbedders({ ...words, ...embedding }), reranker, usage };
  const source = { url: chromaUrl ?? "http://127.0.0.1:9" };
  const migrations = migrationJobKinds({ source, databaseName: "test", cairnVersion: "test" });
  const queue = createLocalQueue(
    services,
    { ...createJobKinds(options), ...migrations },
    { onError: (error) => options.log?.failure(error, { about: "a job" }) },
  );
  const app = createApp(services, {
    requestsPerMinute: 1_000_000,
    operatorRoutes: [migrationRoutes({ queue, sourceUrl: chromaUrl }), namespaceRoutes(), cutoverRoutes()],
    namespaces: createNamespaceResolver({ cacheMs: options.credentialCacheMs }),
    ...options,
    queue,
  });
  const { secret: operator } = await createApiKey(database, null);
  return {
    app,
    services,
    queue,
    operator,
    async addTenant(name) {
      const { id } = await createTenant(database, { name });
      const { secret: key } = await createApiKey(database, id, { scopes: ["read", "write", "admin"] });
      return { id, key };
    },
    async call(method, path, { key, body, raw, headers } = {}) {
      const form = body instanceof FormData ? body : undefined;
      const content = raw ?? (body === undefined || form ? undefined : JSON.stringify(body));
      const response = await app.request(path, {
        method,
        headers: {
          ...(key ? { Authorization: `Bearer ${key}` } : {}),
          ...(content === undefined
            ? {}
            : { "Content-Type": "application/json", "Content-Length": `${Buffer.byteLength(content)}` }),
          ...headers,
        },
        body: form ?? content,
      });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get("Content-Type") ?? "");
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: isJson && text !== "" ? JSON.parse(text) : undefined,
      };
    },
  };
}

/** The complete service for the tests of the file or `describe` block. */
export function useTestApi(testDatabase: DatabaseFixture, options?: () => TestApiOptions): TestApi {
  return useResource(
    () => createTestApi(testDatabase.database, options?.()),
    (api) => api.queue.close(),
  );
}

/** Serves a service on loopback, for clients that need a socket. */
export async function serveTestApi(api: TestApi) {
  const server = serve({ fetch: api.app.fetch, hostname: "127.0.0.1", port: 0 });
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
