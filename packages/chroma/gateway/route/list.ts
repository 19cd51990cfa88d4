import { parseExactJson, stringifyJson } from "@cairn/core/database/json.ts";
import type { ChromaPath } from "../../protocol/path.ts";
import { pageOf } from "../../server/routes/context.ts";
import type { DatabasePath } from "../../server/view/view.ts";
import { collectionsPath, listPage } from "../locate.ts";
import { type Phase, sourceOf } from "../phase.ts";
import { listCutoverTenants } from "../tenants.ts";
import { type GatewayAnswer, type GatewayRequest, requireScope, tenantOf } from "./context.ts";
import type { CollectionsRequest } from "./parse.ts";

/** Collections in one request to Chroma. */
const PAGE_SIZE = 1_000;

interface Listed {
  readonly id: string;
  readonly name: string;
}

/** The collections that the credential sees: each from the side that decides for its tenant. */
export async function listCollections(request: GatewayRequest, at: CollectionsRequest): Promise<GatewayAnswer> {
  requireScope(request, "read");
  const { c } = request;
  const all = await readUnion(request, at);
  if (at.action === "count") return c.json(all.length);
  const { limit = Number.POSITIVE_INFINITY, offset = 0 } = pageOf(c);
  const page = all.toSorted((a, b) => (a.id < b.id ? -1 : 1)).slice(offset, offset + limit);
  return c.body(stringifyJson(page), 200, { "Content-Type": "application/json" });
}

async function readUnion(request: GatewayRequest, at: CollectionsRequest): Promise<readonly Listed[]> {
  const phaseOf = await readPhases(request);
  const needsChroma = !(await isServedByCairn(request, at));
  const [inChroma, inCairn] = await Promise.all([needsChroma ? listChroma(request, at) : [], listCairn(request, at)]);
  const phaseAt = ({ name }: Listed) => phaseOf({ tenant: at.tenant, database: at.database, name });
  const fromChroma = inChroma.filter((collection) => {
    const phase = phaseAt(collection);
    return phase !== undefined && sourceOf(phase === "unknown" ? "chroma" : phase) === "chroma";
  });
  const names = new Set(fromChroma.map(({ name }) => name));
  // A replica may still have what Chroma has deleted.
  const fromCairn = inCairn.filter((collection) => {
    const phase = phaseAt(collection) ?? "unknown";
    return phase === "unknown" ? !names.has(collection.name) : sourceOf(phase) === "cairn";
  });
  return [...fromChroma, ...fromCairn];
}

/** Whether the database stands for one tenant, and Cairn decides for it. Then Chroma need not be asked. */
async function isServedByCairn(request: GatewayRequest, at: CollectionsRequest): Promise<boolean> {
  const name = request.rules.tenantOf?.(at);
  if (name === undefined) return false;
  const tenant = await tenantOf(request, name, { fresh: false });
  return sourceOf(tenant?.phase ?? "chroma") === "cairn";
}

/**
 * Returns a function that gives the phase of a name's tenant. `unknown`: the tenant has never left Chroma, or was never there. Undefined:
 * the credential does not see the name.
 */
async function readPhases({
  gateway,
  rules,
}: GatewayRequest): Promise<(path: ChromaPath) => Phase | "unknown" | undefined> {
  const tenants = await listCutoverTenants(gateway.database);
  const phases = new Map(
    tenants.flatMap(({ tenantId, name, phase }) => [[tenantId, phase] as const, [name, phase] as const]),
  );
  return (path) => {
    const target = rules.find(path);
    return target && (phases.get(target.tenant) ?? "unknown");
  };
}

/** All collections of a database of Chroma. Throws `source_unavailable`. */
export async function listChroma({ gateway }: GatewayRequest, at: DatabasePath): Promise<readonly Listed[]> {
  const all: Listed[] = [];
  for (;;) {
    const page = await listPage(gateway.forward, at, { limit: PAGE_SIZE, offset: all.length });
    all.push(...page);
    if (page.length < PAGE_SIZE) return all;
  }
}

async function listCairn({ c, gateway }: GatewayRequest, at: CollectionsRequest): Promise<readonly Listed[]> {
  const { response, error } = await gateway.askCairn(c, { method: "GET", path: collectionsPath(at) });
  if (response.status >= 500) throw error;
  return response.ok ? (parseExactJson(await response.text()) as unknown as readonly Listed[]) : [];
}
