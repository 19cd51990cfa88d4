import type { Database } from "@cairn/core/database/database.ts";
import type { JsonObject } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";
import { ensureNamespace, type Namespace } from "@cairn/core/tenant/namespace.ts";
import { isTenantName } from "@cairn/core/tenant/tenant.ts";
import { CHROMA_DEFAULTS } from "../protocol/path.ts";
import type { NameRules } from "./name-rules.ts";

/** The namespace of requests without a credential. It has no keys. */
export const OPEN_NAMESPACE = "open";

/** No caller can choose these settings. */
const OPEN_SETTINGS: JsonObject = { open: true };

export function isOpen(settings: JsonObject): boolean {
  return settings.open === true;
}

/** The namespace of requests without a credential, which is created with the first of them. */
export function openNamespace(database: Database): Promise<Namespace> {
  return ensureNamespace(database, { name: OPEN_NAMESPACE, settings: OPEN_SETTINGS });
}

/** The tenant that the default database stands for: the one that the first start of a service creates. */
const DEFAULT_TENANT = "development";

/** Each database stands for one tenant, which is named after it, and collections keep their names. */
export const OPEN_RULES: NameRules = {
  find(path) {
    const target = { tenant: tenantOf(path), collection: path.name };
    return isTenantName(target.tenant) ? target : undefined;
  },
  resolve(path) {
    const target = OPEN_RULES.find(path);
    if (target) return target;
    throw new AppError(
      "invalid_input",
      `The collection ${JSON.stringify(path.name)} cannot be created: the names of its tenant and database have more than 512 characters together.`,
      { path: "name" },
    );
  },
  canName: () => false,
  tenantOf,
};

function tenantOf({ tenant, database }: { readonly tenant: string; readonly database: string }): string {
  const isDefault = tenant === CHROMA_DEFAULTS.tenant && database === CHROMA_DEFAULTS.database;
  return isDefault ? DEFAULT_TENANT : `${tenant}/${database}`;
}
