import type { Collection } from "@cairn/core/collection/collection.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { getNamespace } from "@cairn/core/tenant/namespace.ts";
import { readRouteById } from "../../namespace/collections.ts";
import { isOpen } from "../../namespace/open.ts";
import { parseSettings } from "../../namespace/settings.ts";
import { invertPattern } from "../../protocol/invert-pattern.ts";
import { CHROMA_DEFAULTS, type ChromaPath } from "../../protocol/path.ts";
import type { Replication } from "./replication.ts";

/**
 * Where Chroma's clients see a collection of Cairn: under the name that they gave it, or, for a collection that was created through the
 * native API, under the name that stands for it by the rules of the namespace. Undefined: no name does.
 */
export async function chromaPathOf(replication: Replication, cairn: Collection): Promise<ChromaPath | undefined> {
  const { database, namespaceId, rules, tenantId, tenantName } = replication;
  const routed = await asAdmin(database, ({ orm }) => readRouteById(orm, namespaceId, cairn.lineage));
  if (routed) return routed.path;
  const { settings } = await getNamespace(database, namespaceId);
  const candidates = isOpen(settings)
    ? [openPath(tenantName, cairn.name)]
    : parseSettings(settings).patterns.flatMap((pattern) =>
        [tenantName, tenantId, tenantId.replaceAll("-", "")].flatMap(
          (tenant) => invertPattern(pattern, { tenant, collection: cairn.name }) ?? [],
        ),
      );
  return candidates.find((path) => {
    const target = rules.find(path);
    return target?.collection === cairn.name && (target.tenant === tenantName || target.tenant === tenantId);
  });
}

/** In the open namespace a tenant is named after its database. */
function openPath(tenant: string, name: string): ChromaPath {
  const at = tenant.indexOf("/");
  return at < 0 ? { ...CHROMA_DEFAULTS, name } : { tenant: tenant.slice(0, at), database: tenant.slice(at + 1), name };
}
