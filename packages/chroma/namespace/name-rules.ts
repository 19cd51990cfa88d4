import type { Tenant } from "@cairn/core/tenant/tenant.ts";
import type { ChromaPath } from "../protocol/path.ts";
import type { TargetPath } from "../protocol/pattern.ts";

/** What the names of a namespace stand for. */
export interface NameRules {
  /** The tenant and the collection that a path stands for. Undefined: none. */
  find(path: ChromaPath): TargetPath | undefined;
  /** Like `find`. Throws `invalid_input` with the reason and the names that are possible. */
  resolve(path: ChromaPath): TargetPath;
  /** Whether a path can stand for a collection of the tenant. */
  canName(tenant: Pick<Tenant, "id" | "name">): boolean;
  /** The tenant that a database stands for, with all its collections. Absent: a database has collections of several tenants. */
  tenantOf?(path: Pick<ChromaPath, "tenant" | "database">): string;
}
