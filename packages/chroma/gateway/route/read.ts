import { stringifyJson } from "@cairn/core/database/json.ts";
import { parseObject } from "../../server/request/body.ts";
import { collectionsPath, type LocatedCollection } from "../locate.ts";
import { readPendingIds } from "../pending.ts";
import { sourceOf } from "../phase.ts";
import type { Answer, ReadKind } from "../shadow/read.ts";
import { MAX_ANSWER_BYTES } from "../shadow/shadow.ts";
import type { CutoverTenant } from "../tenants.ts";
import {
  bodyBytes,
  CAIRN,
  type Gateway,
  type GatewayAnswer,
  type GatewayRequest,
  passOn,
  requireScope,
  tenantOf,
} from "./context.ts";
import type { CollectionRequest } from "./parse.ts";

/** Reads that are compared in the phase `shadow`. */
const COMPARED: ReadonlySet<string> = new Set<ReadKind>(["get", "count", "query"]);

/** Milliseconds for a read of Cairn after the response. */
const SHADOW_TIMEOUT_MS = 10_000;

/** A read of records: from the side that decides the tenant's writes. */
export async function readCollection(request: GatewayRequest, read: CollectionRequest): Promise<GatewayAnswer> {
  requireScope(request, "read");
  const { gateway } = request;
  const context = { ...request, ...gateway };
  const cached = await gateway.locator.find(context, read, read.id);
  if (!cached) return CAIRN;
  const tenant = await tenantOf(request, cached.tenant, { fresh: false });
  const phase = tenant?.phase ?? "chroma";
  const isKnown = phase === "chroma" && cached.chromaId !== undefined;
  const located = isKnown ? cached : await gateway.locator.complete(context, { path: read, id: read.id }, cached);
  if (sourceOf(phase) === "cairn") return readFromCairn(request, read, located);
  if (located.chromaId === undefined) return CAIRN;
  const { method } = request.c.req.raw;
  const body = method === "GET" ? undefined : await bodyBytes(request);
  const started = performance.now();
  const response = await gateway.forward({
    method,
    path: pathAt(request, read, located.chromaId),
    body,
    repeatable: true,
  });
  if (response.status === 404) gateway.locator.forget(request.namespaceId, read, read.id);
  const isLarge = (response.length ?? 0) > MAX_ANSWER_BYTES; // it is not compared, and clients get it however large it is
  if (phase !== "shadow" || !COMPARED.has(read.action) || located.cairnId === undefined || !tenant || isLarge)
    return passOn(request, response);
  const bytes = await response.bytes();
  const chroma = { status: response.status, body: bytes, milliseconds: performance.now() - started };
  const observed = { located, tenant, body, chroma };
  observe(request, read, observed).catch(() => {}); // a body that is not JSON, which Chroma has refused
  return passOn(request, { ...response, body: async () => new Uint8Array(bytes) });
}

interface Observed {
  readonly located: LocatedCollection;
  readonly tenant: CutoverTenant;
  readonly body: Uint8Array | undefined;
  readonly chroma: Answer;
}

/** Compares the read with Cairn's answer after the response, if it is sampled. */
async function observe(
  request: GatewayRequest,
  read: CollectionRequest,
  { located, tenant: { tenantId, settings }, body, chroma }: Observed,
): Promise<void> {
  const { gateway } = request;
  const { cairnId = read.id, chromaId = read.id } = located;
  const text = body && new TextDecoder().decode(body);
  gateway.shadow.observe({
    kind: read.action as ReadKind,
    tenantId,
    collectionId: cairnId,
    sample: settings.sample,
    body: text === undefined ? undefined : await parseObject(text),
    chroma,
    askCairn: () => askCairn(request, pathAt(request, read, cairnId), text),
    askChroma: ({ kind, body: asked }) =>
      askChroma(gateway, {
        method: asked === undefined ? "GET" : "POST",
        path: `${collectionsPath(read)}/${chromaId}/${kind}`,
        body: asked,
      }),
    pendingIds: () => readPendingIds(gateway.database, tenantId, located),
  });
}

/** Cairn's own handler. A client may know the collection by the id that Chroma gave it. */
async function readFromCairn(
  request: GatewayRequest,
  read: CollectionRequest,
  { cairnId }: LocatedCollection,
): Promise<GatewayAnswer> {
  if (cairnId === undefined || cairnId === read.id) return CAIRN;
  const { c, gateway } = request;
  const { method } = c.req.raw;
  const body = method === "GET" ? undefined : await c.req.text();
  const { response } = await gateway.askCairn(c, { method, path: pathAt(request, read, cairnId), body });
  return response;
}

async function askCairn({ c, gateway }: GatewayRequest, path: string, body: string | undefined) {
  const started = performance.now();
  const { response } = await gateway.askCairn(
    c,
    { method: c.req.raw.method, path, body },
    { afterwards: { timeoutMs: SHADOW_TIMEOUT_MS } },
  );
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, body: bytes, milliseconds: performance.now() - started };
}

async function askChroma(
  { forward }: Gateway,
  { method, path, body }: { readonly method: string; readonly path: string; readonly body: unknown },
): Promise<Answer> {
  const started = performance.now();
  const text = body === undefined ? undefined : stringifyJson(body);
  const response = await forward({ method, path, body: text, repeatable: true });
  const bytes = await response.bytes();
  return { status: response.status, body: bytes, milliseconds: performance.now() - started };
}

/** The path of the request with another id of the collection. */
export function pathAt({ path }: GatewayRequest, { tenant, database, action }: CollectionRequest, id: string): string {
  const base = collectionsPath({ tenant, database });
  if (action === "describe") return `${base}/by-id/${id}`;
  // A tenant or a database may be called `collections` too.
  const rest = /^\/api\/v2\/tenants\/[^/]+\/databases\/[^/]+\/collections\/[^/?]+(.*)$/.exec(path)?.[1] ?? "";
  return `${base}/${id}${rest}`;
}
