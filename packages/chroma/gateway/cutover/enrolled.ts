import type { Database } from "@cairn/core/database/database.ts";
import { asAdmin } from "@cairn/core/database/transaction.ts";
import { AppError } from "@cairn/core/error.ts";
import { getNamespace, listNamespaces, type Namespace } from "@cairn/core/tenant/namespace.ts";
import { ensureTenant } from "@cairn/core/tenant/tenant.ts";
import { parseUuid } from "@cairn/core/tenant/uuid.ts";
import { sql } from "drizzle-orm";
import { isOpen } from "../../namespace/open.ts";
import { createRulesCache } from "../../namespace/rules.ts";
import { type CutoverTenant, findCutoverTenant } from "../tenants.ts";

/** A tenant that has left Chroma at some time. Throws `not_found`. */
export async function requireCutoverTenant(database: Database, nameOrId: string): Promise<CutoverTenant> {
  const tenant = await findCutoverTenant(database, nameOrId);
  if (tenant?.namespaceId) return tenant;
  throw new AppError(
    "not_found",
    `The tenant ${JSON.stringify(nameOrId)} is in the phase chroma and has not left it yet.`,
    {
      remedy: "list_tenants",
    },
  );
}

/** The tenant with a row of its own. Creates both if they are missing. */
export async function ensureCutoverTenant(
  database: Database,
  nameOrId: string,
  namespace: string | undefined,
): Promise<CutoverTenant> {
  const existing = await findCutoverTenant(database, nameOrId);
  if (existing?.namespaceId) return useNamespace(database, existing, namespace);
  const chosen = await chooseNamespace(database, namespace);
  assertNamed(chosen, nameOrId);
  const { id: tenantId } = await ensureTenant(database, nameOrId);
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      INSERT INTO cairn.cutover_tenants (tenant_id, namespace_id, phase)
      VALUES (${tenantId}::uuid, ${chosen.id}::uuid, 'chroma') ON CONFLICT DO NOTHING`),
  );
  return (await findCutoverTenant(database, tenantId)) as CutoverTenant;
}

/** The enrolled tenant with the chosen namespace. Throws `invalid_input` if it has left Chroma under another one. */
async function useNamespace(
  database: Database,
  tenant: CutoverTenant,
  namespace: string | undefined,
): Promise<CutoverTenant> {
  if (namespace === undefined) return tenant;
  const chosen = await getNamespace(database, namespace);
  if (chosen.id === tenant.namespaceId) return tenant;
  if (tenant.phase !== "chroma")
    throw new AppError(
      "invalid_input",
      `The tenant ${JSON.stringify(tenant.name)} is in the phase ${tenant.phase} under another namespace. Go back to the phase chroma first to choose ${JSON.stringify(chosen.name)}.`,
      { path: "namespace" },
    );
  assertNamed(chosen, tenant.name);
  await asAdmin(database, ({ orm }) =>
    orm.execute(sql`
      UPDATE cairn.cutover_tenants SET namespace_id = ${chosen.id}::uuid
      WHERE tenant_id = ${tenant.tenantId}::uuid AND phase = 'chroma'`),
  );
  return { ...tenant, namespaceId: chosen.id };
}

const rulesOf = createRulesCache();

/** Throws `invalid_input` if no name of the namespace can stand for the tenant: it would never have a collection. */
function assertNamed(namespace: Namespace, nameOrId: string): void {
  const id = parseUuid(nameOrId) ?? nameOrId;
  if (isOpen(namespace.settings) || rulesOf(namespace).canName({ id, name: nameOrId })) return;
  throw new AppError(
    "invalid_input",
    `The tenant ${JSON.stringify(nameOrId)} cannot leave Chroma: no name of the namespace ${JSON.stringify(namespace.name)} can stand for it. Check the tenant's name, or choose another namespace.`,
    { path: "namespace" },
  );
}

/** The namespace with this name or id, or the only one. Throws `not_found`, or `invalid_input` if there are none or several. */
export async function chooseNamespace(database: Database, nameOrId: string | undefined): Promise<Namespace> {
  if (nameOrId !== undefined) return getNamespace(database, nameOrId);
  const all = await listNamespaces(database);
  const [only] = all;
  if (only && all.length === 1) return only;
  throw new AppError(
    "invalid_input",
    all.length === 0
      ? "The tenant cannot leave Chroma: there is no namespace, which says what Chroma's names stand for. Create one, and give its key to the application."
      : `The tenant cannot leave Chroma: name the namespace whose names stand for its collections, of ${all.map(({ name }) => name).join(", ")}.`,
    { path: "namespace" },
  );
}
