import { collectionsPath, listPage } from "../locate.ts";
import { deleteCollection } from "./collections.ts";
import { bodyBytes, type GatewayAnswer, type GatewayRequest, passOn, requireScope } from "./context.ts";
import type { DatabaseRequest } from "./parse.ts";

/** Tenants and databases of Chroma are names. They exist on both sides, so that they are there before and after a change of phase. */
export async function handleDatabases(request: GatewayRequest, at: DatabaseRequest): Promise<GatewayAnswer> {
  const { c, gateway, path } = request;
  const { method } = c.req.raw;
  requireScope(request, method === "GET" ? "read" : "write");
  const bytes = method === "GET" || method === "DELETE" ? undefined : await bodyBytes(request);
  const body = bytes && new TextDecoder().decode(bytes);
  if (method === "DELETE" && at.kind === "databases" && at.database !== "") await deleteCollections(request, at);
  const response = await gateway.forward({ method, path, body: bytes, repeatable: method === "GET" });
  const exists = response.status < 300 || response.status === 409;
  if (method !== "GET" && exists) await gateway.askCairn(c, { method, path, body });
  return passOn(request, response);
}

/** Deletes the collections of a database that the credential sees, each on the side that decides for its tenant. */
async function deleteCollections(request: GatewayRequest, at: DatabaseRequest): Promise<void> {
  const { gateway, rules, c } = request;
  const inChroma = await listPage(gateway.forward, at, { limit: MAX_COLLECTIONS, offset: 0 });
  const { response, error } = await gateway.askCairn(c, { method: "GET", path: collectionsPath(at) });
  if (response.status >= 500) throw error;
  const inCairn = response.ok ? ((await response.json()) as readonly { readonly name: string }[]) : [];
  const names = new Set([...inChroma, ...inCairn].map(({ name }) => name));
  for (const name of names) {
    const named = { kind: "named", tenant: at.tenant, database: at.database, name, action: "delete" } as const;
    if (rules.find(named)) await deleteCollection(request, named);
  }
}

/** Collections of a database that is deleted at most. */
const MAX_COLLECTIONS = 100_000;
