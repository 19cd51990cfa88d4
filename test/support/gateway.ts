import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { advance } from "@cairn/chroma/gateway/cutover/cutover.ts";
import { type CutoverStatus, readStatus } from "@cairn/chroma/gateway/cutover/status.ts";
import { type OpenGateway, openGateway } from "@cairn/chroma/gateway/route/open.ts";
import { addNamespace, addNamespaceKey } from "@cairn/chroma/namespace/manage.ts";
import { afterAll, beforeAll, inject } from "vitest";
import { useTestApi } from "./api.ts";
import { cairnPeer, chromaOptions, chromaPeer } from "./chroma-api.ts";
import type { DatabaseFixture } from "./fixture.ts";
import { createChromaDatabase } from "./migration.ts";

/** The response of one side. */
interface Sent {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read the fields that they expect
  readonly body: any;
}

/**
 * A gateway in front of the shared Chroma server, with the key of a namespace. Paths are below a Chroma database of its own. A gateway
 * finds a tenant's collections in every database, so two test files must not use the same name of a tenant.
 */
export function useGateway(testDatabase: DatabaseFixture, { chromaUrl = () => inject("chromaUrl") } = {}) {
  const errors: unknown[] = [];
  const namespace = `shop ${randomUUID()}`;
  let gateway: OpenGateway;
  let base: string;
  let key: string;
  const api = useTestApi(testDatabase, () => {
    const chroma = { url: chromaUrl() };
    gateway = openGateway(testDatabase.services, { chroma, timeoutMs: 30_000, onError: (error) => errors.push(error) });
    return chromaOptions({ gateway: gateway.handler });
  });
  beforeAll(async () => {
    base = `/api/v2/tenants/default_tenant/databases/${await createChromaDatabase(inject("chromaUrl"))}`;
    await addNamespace(testDatabase.database, { name: namespace, settings: {} });
    key = (await addNamespaceKey(testDatabase.database, namespace, {})).secret;
  });
  afterAll(() => gateway.close());

  async function send(method: string, path: string, body?: unknown, as = key): Promise<Sent> {
    const { status, text } = await cairnPeer(api, as).request(method, `${base}${path}`, body);
    return { status, body: text === "" ? undefined : JSON.parse(text) };
  }

  async function sendToChroma(method: string, path: string, body?: unknown): Promise<Sent> {
    const { status, text } = await chromaPeer(inject("chromaUrl")).request(method, `${base}${path}`, body);
    return { status, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** Creates a collection through the gateway, and returns its path. */
  async function create(name: string): Promise<string> {
    return `/collections/${(await send("POST", "/collections", { name })).body.id}`;
  }

  /** Waits until the conditions of the next phase hold, and enters it. */
  async function enter(tenant: string, { minReads = 0 } = {}): Promise<CutoverStatus> {
    const limits = { settleMs: 0, minReads, minAgreement: minReads > 0 ? 0.99 : 0 };
    const { database } = testDatabase;
    for (let attempt = 0; ; attempt++)
      try {
        return await advance(database, tenant, { namespace, limits });
      } catch (error) {
        if (attempt > 300) throw error;
        await sleep(100);
      }
  }

  /** Waits until the status satisfies `isReached`. */
  async function waitFor(tenant: string, isReached: (status: CutoverStatus) => boolean): Promise<CutoverStatus> {
    for (let attempt = 0; ; attempt++) {
      const status = await readStatus(testDatabase.database, tenant);
      if (status && isReached(status)) return status;
      if (attempt > 300) throw new Error(`The status was not reached: ${JSON.stringify(status)}`);
      await sleep(100);
    }
  }

  return {
    api,
    errors,
    namespace,
    send,
    sendToChroma,
    create,
    enter,
    waitFor,
    get key() {
      return key;
    },
  };
}

/** The body of an add of records with these ids. */
export function records(...ids: readonly string[]) {
  return {
    ids,
    embeddings: ids.map((id) => [1, id.length, 0.5]),
    documents: ids.map((id) => `text of ${id}`),
    metadatas: ids.map((id) => ({ id, whole: 1.0, n: 2 })),
  };
}

/** The body of a `get` of everything. */
export const EVERYTHING = { include: ["documents", "metadatas", "embeddings", "uris"] };
