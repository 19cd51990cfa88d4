import type { Database } from "@cairn/core/database/database.ts";
import { createRulesCache } from "../../namespace/rules.ts";
import { pathOf } from "../../protocol/path.ts";
import type { Source, SourceScope } from "../../source/source.ts";
import { chooseNamespace } from "./enrolled.ts";

/** What the names of a Chroma server stand for. */
export interface FoundTenants {
  /** Names or ids, in order. */
  readonly tenants: readonly string[];
  /** Paths of collections that have no tenant in the namespace. */
  readonly unnamed: readonly string[];
}

/** The tenants whose collections a Chroma server has, by the rules of the namespace. Throws the errors of `chooseNamespace`. */
export async function findTenantsInChroma(
  database: Database,
  source: Source,
  { namespace, scope }: { readonly namespace?: string; readonly scope: SourceScope },
): Promise<FoundTenants> {
  const rules = createRulesCache()(await chooseNamespace(database, namespace));
  const tenants = new Set<string>();
  const unnamed: string[] = [];
  for (const collection of await source.listCollections(scope)) {
    const target = rules.find(collection);
    if (target) tenants.add(target.tenant);
    else unnamed.push(pathOf(collection));
  }
  return { tenants: [...tenants].toSorted(), unnamed };
}
