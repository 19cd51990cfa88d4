import { HttpError } from "@cairn/api/problem/http-error.ts";
import { collectionsPath } from "../locate.ts";
import { deleteCollection } from "./collections.ts";
import { bodyBytes, CAIRN, type GatewayAnswer, type GatewayRequest, passOn, requireScope } from "./context.ts";
import { listChroma } from "./list.ts";
import type { DatabaseRequest } from "./parse.ts";

/** Tenants and databases of Chroma are names. They exist on both sides, so that they are there before and after a change of phase. */
export async function handleDatabases(request: GatewayRequest, at: DatabaseRequest): Promise<GatewayAnswer> {
  const { c, gateway, path } = request;
  const { method } = c.req.raw;
  requireScope(request, method === "GET" ? "read" : "write");
  const bytes = method === "GET" || method === "DELETE" ? undefined : await bodyBytes(request);
  const body = bytes && new TextDecoder().decode(bytes);
  if (method === "DELETE" && at.kind === "databases" && at.database !== "") {
    const refusal = await deleteCollections(request, at);
    if (refusal) return refusal;
  }
  const response = await gateway.forward({ method, path, body: bytes, repeatable: method === "GET" });
  const exists = response.status < 300 || response.status === 409;
  if (method !== "GET" && exists) await gateway.askCairn(c, { method, path, body });
  return passOn(request, response);
}

/**
 * Deletes the collections of a database, each on the side that decides for its tenant, because Chroma deletes them with the database.
 * Returns the response of the first one that cannot be deleted. Throws `forbidden` before that if the credential does not see all of them.
 */
async function deleteCollections(request: GatewayRequest, at: DatabaseRequest): Promise<Response | undefined> {
  const { gateway, c } = request;
  const inChroma = await listChroma(request, at);
  const namedAt = (name: string) =>
    ({ kind: "named", tenant: at.tenant, database: at.database, name, action: "delete" }) as const;
  const isVisible = (name: string) => request.rules.find(namedAt(name)) !== undefined;
  if (!inChroma.every(({ name }) => isVisible(name)))
    throw new HttpError(
      "forbidden",
      `The database ${JSON.stringify(at.database)} cannot be deleted: it has collections that the key does not see, and they would be deleted too. Delete the others one by one.`,
    );
  const { response, error } = await gateway.askCairn(c, { method: "GET", path: collectionsPath(at) });
  if (response.status >= 500) throw error;
  const inCairn = response.ok ? ((await response.json()) as readonly { readonly name: string }[]) : [];
  for (const name of new Set([...inChroma, ...inCairn].map((collection) => collection.name).filter(isVisible))) {
    const answer = await deleteCollection(request, namedAt(name));
    if (answer !== CAIRN && answer.status >= 300 && answer.status !== 404) return answer;
  }
  return undefined;
}
