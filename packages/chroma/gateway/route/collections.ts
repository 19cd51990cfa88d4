import { AppError } from "@cairn/core/error.ts";
import { parseObject } from "../../server/request/body.ts";
import { optionalString, requiredString } from "../../server/request/fields.ts";
import { subjectOf } from "../journal.ts";
import { collectionsPath } from "../locate.ts";
import { sourceOf } from "../phase.ts";
import {
  bodyBytes,
  CAIRN,
  type GatewayAnswer,
  type GatewayRequest,
  passOn,
  requireScope,
  tenantOf,
} from "./context.ts";
import type { CollectionRequest, CollectionsRequest, NamedRequest } from "./parse.ts";
import { pathAt } from "./read.ts";
import { type SentWrite, writeThrough } from "./write.ts";

/** Creates a collection where its tenant is. */
export async function createCollection(request: GatewayRequest, at: CollectionsRequest): Promise<GatewayAnswer> {
  requireScope(request, "write");
  const bytes = await bodyBytes(request);
  const text = new TextDecoder().decode(bytes);
  const name = requiredString(await parseObject(text), "name");
  const path = { tenant: at.tenant, database: at.database, name };
  const { tenant } = request.rules.resolve(path);
  const send = () => sendTo(request, "POST", request.path, bytes);
  return writeThrough(request, {
    tenant,
    describe: async () => [{ change: { collectionId: null, subject: subjectOf(path), ids: null }, send }],
    sendUnchanged: send,
    askCairn: () => request.gateway.askCairn(request.c, { method: "POST", path: request.path, body: text }),
  });
}

/**
 * Reads a collection by its name from the side that decides. Of a tenant that has never left Chroma, or was never there, Cairn answers what
 * Chroma does not have.
 */
export async function getCollection(request: GatewayRequest, named: NamedRequest): Promise<GatewayAnswer> {
  requireScope(request, "read");
  const target = request.rules.find(named);
  const tenant = target && (await tenantOf(request, target.tenant, { fresh: false }));
  const phase = tenant?.phase ?? "chroma";
  if (!target || sourceOf(phase) === "cairn") return CAIRN;
  const response = await request.gateway.forward({
    method: "GET",
    path: request.path,
    body: undefined,
    repeatable: true,
  });
  const mayBeInCairn = response.status === 404 && tenant?.namespaceId === undefined;
  return mayBeInCairn ? answerMissing(request, await passOn(request, response)) : passOn(request, response);
}

/** Cairn's answer if it has what Chroma lacks; otherwise Chroma's. */
async function answerMissing({ c, gateway, path }: GatewayRequest, missing: Response): Promise<Response> {
  const { response } = await gateway.askCairn(c, { method: "GET", path });
  return response.ok || response.status >= 500 ? response : missing;
}

/** Deletes a collection on the side that decides. */
export async function deleteCollection(request: GatewayRequest, named: NamedRequest): Promise<GatewayAnswer> {
  requireScope(request, "write");
  const target = request.rules.find(named);
  if (!target) return CAIRN;
  const path = `${collectionsPath(named)}/${encodeURIComponent(named.name)}`;
  const send = () => sendTo(request, "DELETE", path, undefined);
  return writeThrough(request, {
    tenant: target.tenant,
    describe: async () => [{ change: { collectionId: null, subject: subjectOf(named), ids: null }, send }],
    sendUnchanged: send,
    askCairn: () => request.gateway.askCairn(request.c, { method: "DELETE", path }),
  });
}

/** Renames a collection or changes its metadata. It stays with its tenant. */
export async function changeCollection(request: GatewayRequest, change: CollectionRequest): Promise<GatewayAnswer> {
  requireScope(request, "write");
  const { gateway, c, rules, namespaceId } = request;
  const context = { ...request, ...gateway };
  const located = await gateway.locator.find(context, change, change.id);
  if (!located) return CAIRN;
  const complete = () => gateway.locator.complete(context, { path: change, id: change.id }, located);
  const bytes = await bodyBytes(request);
  const text = new TextDecoder().decode(bytes);
  const newName = optionalString(await parseObject(text), "new_name");
  const renamed = newName === undefined ? undefined : { ...located.path, name: newName };
  if (renamed && rules.resolve(renamed).tenant !== rules.find(located.path)?.tenant)
    throw new AppError(
      "invalid_input",
      `The collection ${JSON.stringify(located.path.name)} cannot be renamed to ${JSON.stringify(newName)}: that is a name of another tenant, and a collection stays with its tenant.`,
      { path: "new_name" },
    );
  const send = async () => {
    const { chromaId = change.id } = await complete();
    return sendTo(request, "PUT", pathAt(request, change, chromaId), bytes);
  };
  const subject = subjectOf(located.path);
  const answer = await writeThrough(request, {
    tenant: located.tenant,
    describe: async () => [{ change: { collectionId: located.chromaId ?? null, subject, ids: null }, send }],
    sendUnchanged: send,
    async askCairn() {
      const { cairnId = change.id } = await complete();
      return gateway.askCairn(c, { method: "PUT", path: pathAt(request, change, cairnId), body: text });
    },
  });
  gateway.locator.forget(namespaceId, change, change.id);
  return answer;
}

async function sendTo(
  request: GatewayRequest,
  method: string,
  path: string,
  body: Uint8Array | undefined,
): Promise<SentWrite> {
  const response = await request.gateway.forward({ method, path, body });
  return { status: response.status, response: await passOn(request, response) };
}
