import { createApp } from "@cairn/api/app.ts";
import { openGateway } from "@cairn/chroma/gateway/route/open.ts";
import { addNamespaceKey } from "@cairn/chroma/namespace/manage.ts";
import { chromaProtocol } from "@cairn/chroma/server/protocol.ts";
import { createNamespaceResolver } from "@cairn/chroma/service/namespaces/resolver.ts";
import { connect } from "@cairn/core/database/connect.ts";
import type { Database } from "@cairn/core/database/database.ts";
import { createEmbedders } from "@cairn/core/embedding/embedders.ts";
import { createLocalQueue } from "@cairn/core/job/local-queue.ts";
import type { Config } from "../config.ts";
import { embedderOptions } from "../open.ts";
import { listen } from "../serve/listen.ts";

/** The gateway in this process, which has the embedded database open. */
export interface DemoGateway {
  readonly url: string;
  /** Key of the namespace `demo`. */
  readonly key: string;
  readonly database: Database;
  close(): Promise<void>;
}

/** Milliseconds until a request to Chroma counts as lost. Short, because a move waits for requests from before it. */
export const CHROMA_TIMEOUT_MS = 4_000;

/** Milliseconds between two comparisons of all records, and between two writes of what was counted. */
const COMPARE_MS = 1_000;
const COUNT_MS = 500;

/** The application sends as fast as it can. */
const REQUESTS_PER_MINUTE = 1_000_000;

/** Opens the database that the commands of the demo use, and the gateway in front of a Chroma server, on a free port. */
export async function openDemoGateway(config: Config, chromaUrl: string): Promise<DemoGateway> {
  const { databaseUrl: url, databaseDirectUrl: directUrl, directory } = config;
  const database = await connect({ url, directUrl, directory });
  const services = { database, embedders: createEmbedders(embedderOptions(config)) };
  const errors: unknown[] = [];
  const gateway = openGateway(services, {
    chroma: { url: chromaUrl },
    timeoutMs: CHROMA_TIMEOUT_MS,
    compareMs: COMPARE_MS,
    countMs: COUNT_MS,
    onError: (error) => errors.push(error),
  });
  const app = createApp(services, {
    queue: createLocalQueue(services, {}),
    namespaces: createNamespaceResolver(),
    protocols: [chromaProtocol({ gateway: gateway.handler })],
    requestsPerMinute: REQUESTS_PER_MINUTE,
  });
  const { server, url: address } = await listen((request) => app.fetch(request), LISTEN);
  return {
    url: address,
    key: (await addNamespaceKey(database, "demo", {})).secret,
    database,
    async close() {
      await new Promise((resolve) => server.close(resolve));
      await gateway.close();
      await database.close();
      if (errors.length > 0) throw errors[0];
    },
  };
}

const LISTEN = { host: "127.0.0.1", port: 0, deadline: 25_000, maxConnections: 100 };
