import { parseLargeJson, stringifyJson } from "@cairn/core/database/json.ts";
import { MAX_CHANGE_IDS } from "@cairn/core/replication/capture.ts";
import { nextTurn } from "@cairn/core/turn.ts";
import { type Body, parseObject } from "../../server/request/body.ts";
import { optionalStrings, requiredStrings } from "../../server/request/fields.ts";
import type { LocatedCollection } from "../locate.ts";
import { bodyBytes, CAIRN, type GatewayAnswer, type GatewayRequest, passOn, requireScope } from "./context.ts";
import type { CollectionRequest } from "./parse.ts";
import { pathAt } from "./read.ts";
import { MIN_SCANNED_BYTES, scanIds } from "./scan-ids.ts";
import { type RecordedWrite, type SentWrite, writeThrough } from "./write.ts";

/** The conditions of a delete, which are sent to Chroma again with the same numbers. */
const CONDITIONS = ["where", "where_document"];

/** A write of records: `add`, `upsert`, `update` or `delete`. */
export async function writeRecords(request: GatewayRequest, write: CollectionRequest): Promise<GatewayAnswer> {
  requireScope(request, "write");
  const { gateway, c } = request;
  const context = { ...request, ...gateway };
  const located = await gateway.locator.find(context, write, write.id);
  if (!located) return CAIRN;
  // A collection may become known to the other side while the write waits.
  const complete = () => gateway.locator.complete(context, { path: write, id: write.id }, located);
  const bytes = await bodyBytes(request);
  const text = memoize(() => new TextDecoder().decode(bytes));
  return writeThrough(request, {
    tenant: located.tenant,
    async describe() {
      const deletes = write.action === "delete";
      const ids = deletes || bytes.length < MIN_SCANNED_BYTES ? undefined : scanIds(bytes);
      const body = await parseObject(ids === undefined ? text() : `{"ids":${ids}}`, deletes ? CONDITIONS : []);
      return describeWrite(request, write, await complete(), { bytes, body });
    },
    async sendUnchanged() {
      const { chromaId = write.id } = located.chromaId === undefined ? await complete() : located;
      return send(request, pathAt(request, write, chromaId), bytes);
    },
    async askCairn() {
      const { cairnId = write.id } = await complete();
      return gateway.askCairn(c, { method: "POST", path: pathAt(request, write, cairnId), body: text() });
    },
  });
}

async function describeWrite(
  request: GatewayRequest,
  write: CollectionRequest,
  { chromaId, path }: LocatedCollection,
  { bytes, body }: { readonly bytes: Uint8Array; readonly body: Body },
): Promise<readonly RecordedWrite[]> {
  const collectionId = chromaId ?? write.id;
  const at = pathAt(request, write, collectionId);
  const deletes = write.action === "delete";
  const toChange = (ids: readonly string[]) => ({ collectionId, subject: path.name, ids, deletes });
  if (!deletes) {
    const ids = requiredStrings(body, "ids");
    return [{ change: toChange(await uniqueIds(ids)), send: () => send(request, at, bytes) }];
  }
  if (body.where == null && body.where_document == null) {
    const ids = optionalStrings(body, "ids") ?? [];
    return [{ change: toChange(await uniqueIds(ids)), send: () => send(request, at, bytes) }];
  }
  const ids = await resolveIds(request, write, collectionId, body);
  if (ids instanceof Response)
    return [{ change: toChange([]), send: async () => ({ status: ids.status, response: ids }) }];
  return deletesOf(request, at, ids).map(({ slice, send: sendSlice }) => ({
    change: toChange(slice),
    send: sendSlice,
  }));
}

/** Ids that are added to a set without a pause: a few milliseconds. */
const IDS_IN_SLICE = 5_000;

/** The ids without duplicates. A body has up to millions. */
async function uniqueIds(ids: readonly string[]): Promise<readonly string[]> {
  const unique = new Set<string>();
  for (let start = 0; start < ids.length; start += IDS_IN_SLICE) {
    if (start > 0) await nextTurn();
    for (const id of ids.slice(start, start + IDS_IN_SLICE)) unique.add(id);
  }
  return [...unique];
}

/**
 * The ids that a condition selects now, in Chroma. They are resolved once, before the write is recorded, because the same condition may
 * select other records when it is asked again. A refusal is returned as Chroma's response.
 */
async function resolveIds(
  request: GatewayRequest,
  write: CollectionRequest,
  collectionId: string,
  { ids, where, where_document, limit }: Body,
): Promise<readonly string[] | Response> {
  const path = pathAt(request, { ...write, action: "get" }, collectionId).replace(/\/delete(\?|$)/, "/get$1");
  const body = stringifyJson({ ids, where, where_document, limit, include: [] });
  const response = await request.gateway.forward({ method: "POST", path, body, repeatable: true });
  if (response.status !== 200) return passOn(request, response);
  const found = await parseLargeJson((await response.bytes()).toString());
  return (found as { readonly ids: readonly string[] }).ids;
}

/** Deletes of the resolved ids. The last one answers with the number of all. */
function deletesOf(request: GatewayRequest, path: string, ids: readonly string[]) {
  let deleted = 0;
  const slices = Array.from({ length: Math.max(1, Math.ceil(ids.length / MAX_CHANGE_IDS)) }, (_, at) =>
    ids.slice(at * MAX_CHANGE_IDS, (at + 1) * MAX_CHANGE_IDS),
  );
  return slices.map((slice) => ({
    slice,
    send: async (): Promise<SentWrite> => {
      if (slice.length > 0) {
        const sent = await send(request, path, JSON.stringify({ ids: slice }));
        if (sent.status >= 300) return sent;
        deleted += slice.length;
      }
      return { status: 200, response: request.c.json({ deleted }) };
    },
  }));
}

async function send(request: GatewayRequest, path: string, body: string | Uint8Array): Promise<SentWrite> {
  const response = await request.gateway.forward({ method: "POST", path, body });
  return { status: response.status, response: await passOn(request, response) };
}

function memoize<T>(create: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= create();
    return value;
  };
}
