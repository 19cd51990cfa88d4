import { randomUUID } from "node:crypto";
import type { Answer, PendingIds, ReadRequest, ShadowRead } from "@cairn/chroma/gateway/shadow/read.ts";
import { stringifyJson } from "@cairn/core/database/json.ts";
import { inject } from "vitest";
import type { TestApi } from "./api.ts";
import { type ChromaPeer, cairnPeer, chromaPeer } from "./chroma-api.ts";

const COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections";

/** The fields of an `add`, one entry for each record. */
export interface Records {
  readonly ids: readonly string[];
  readonly embeddings: readonly (readonly number[])[];
  readonly documents?: readonly (string | null)[];
  readonly metadatas?: readonly (object | null)[];
  readonly uris?: readonly (string | null)[];
}

/** A collection that is in a real Chroma server and in Cairn. */
export interface ShadowPair {
  readonly tenantId: string;
  /** Its lineage in Cairn. */
  readonly collectionId: string;
  /** Sends a write to one or both sides. */
  write(route: "add" | "upsert" | "update" | "delete", body: object, sides?: readonly Side[]): Promise<void>;
  /** Asks Chroma, and returns the read that a gateway would compare. */
  read(kind: ReadRequest["kind"], body?: object, overrides?: ReadOverrides): Promise<ShadowRead>;
  ask(side: Side, request: ReadRequest): Promise<Answer>;
}

type Side = "chroma" | "cairn";

export interface ReadOverrides {
  readonly pending?: () => PendingIds;
  /** Changes Chroma's first answer. */
  readonly chroma?: (body: unknown) => unknown;
  /** Changes every answer of Cairn. */
  readonly cairn?: (body: unknown) => unknown;
}

/** Creates a collection with these records on both sides. */
export async function createShadowPair(api: TestApi, space: string, records?: Records): Promise<ShadowPair> {
  const { id: tenantId, key } = await api.addTenant();
  const peers = { chroma: chromaPeer(inject("chromaUrl")), cairn: cairnPeer(api, key) };
  const name = `shadow-${randomUUID()}`;
  const ids = { chroma: await create(peers.chroma, name, space), cairn: await create(peers.cairn, name, space) };

  async function ask(side: Side, { kind, body }: ReadRequest): Promise<Answer> {
    const startedAt = performance.now();
    const method = kind === "count" ? "GET" : "POST";
    const response = await peers[side].request(method, `${COLLECTIONS}/${ids[side]}/${kind}`, body);
    const milliseconds = performance.now() - startedAt;
    return { status: response.status, body: new TextEncoder().encode(response.text), milliseconds };
  }

  const pair: ShadowPair = {
    tenantId,
    collectionId: ids.cairn,
    ask,
    async write(route, body, sides = ["chroma", "cairn"]) {
      for (const side of sides) {
        const url = `${COLLECTIONS}/${ids[side]}/${route}`;
        const { status, text } = await peers[side].request("POST", url, stringifyJson(body));
        if (status >= 300) throw new Error(`${side} refused to ${route}: ${text}`);
      }
    },
    async read(kind, body, { pending = () => new Set<string>(), chroma, cairn } = {}) {
      const request = { kind, body };
      return {
        ...request,
        tenantId,
        collectionId: ids.cairn,
        chroma: change(await ask("chroma", request), chroma),
        askCairn: async () => change(await ask("cairn", request), cairn),
        askChroma: (again) => ask("chroma", again),
        pendingIds: async () => pending(),
      };
    },
  };
  if (records) await pair.write("add", records);
  return pair;
}

async function create(peer: ChromaPeer, name: string, space: string): Promise<string> {
  const { text } = await peer.request("POST", COLLECTIONS, { name, configuration: { hnsw: { space } } });
  return JSON.parse(text).id;
}

function change(answer: Answer, edit: ((body: unknown) => unknown) | undefined): Answer {
  if (!edit) return answer;
  const body = edit(JSON.parse(new TextDecoder().decode(answer.body)));
  return { ...answer, body: new TextEncoder().encode(JSON.stringify(body)) };
}

/** Removes hits from an answer to `query`, or records from one to `get`, by their ids. */
export function withoutIds(...removed: readonly string[]) {
  return (body: unknown): unknown => {
    const columns = body as Record<string, unknown>;
    const ids = columns.ids as readonly (string | readonly string[])[];
    const isKept = (at: number) => (_: unknown, index: number) => !removed.includes(idAt(ids, at, index));
    return Object.fromEntries(
      Object.entries(columns).map(([name, column]) => {
        if (!Array.isArray(column) || name === "include") return [name, column];
        if (!Array.isArray(ids[0])) return [name, column.filter(isKept(0))];
        return [name, column.map((list: readonly unknown[], at) => list.filter(isKept(at)))];
      }),
    );
  };
}

function idAt(ids: readonly (string | readonly string[])[], at: number, index: number): string {
  return (Array.isArray(ids[0]) ? ids[at]?.[index] : ids[index]) as string;
}
