import type { Env } from "@cairn/api/context.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { assertDatabaseName } from "../collection/name.ts";
import { alreadyExists, invalidArgument, notFound } from "../error.ts";
import { readBody } from "../request/body.ts";
import { requiredString } from "../request/fields.ts";
import { databasePath, pageOf, param, type RouteOptions, viewOf } from "./context.ts";

/** Minimum characters of a tenant's name, as in Chroma. */
const MIN_TENANT_NAME = 3;

/** Maximum characters of a tenant's name. */
const MAX_TENANT_NAME = 512;

export function addTenantRoutes(router: OpenAPIHono<Env>, options: RouteOptions): void {
  router.post("/api/v2/tenants", async (c) => {
    const view = viewOf(c, options, "write");
    const name = requiredString(await readBody(c), "name");
    if (name.length < MIN_TENANT_NAME || name.length > MAX_TENANT_NAME)
      throw invalidArgument(
        `Validation error: name: Validation error: length [{"value": String(${JSON.stringify(name.slice(0, 600))}), "min": Number(${MIN_TENANT_NAME})}]`,
      );
    if (!(await view.createTenant(name))) throw alreadyExists(`Tenant [${name}] already exists`);
    return c.json({});
  });
  router.get("/api/v2/tenants/:tenant", async (c) => {
    const tenant = await viewOf(c, options, "read").getTenant(param(c, "tenant"));
    if (!tenant) throw notFound(`Tenant [${param(c, "tenant")}] not found`);
    return c.json({ name: tenant.name, resource_name: tenant.resourceName });
  });
  router.patch("/api/v2/tenants/:tenant", async (c) => {
    const view = viewOf(c, options, "write");
    const resourceName = requiredString(await readBody(c), "resource_name");
    const isChanged = await view.setResourceName(param(c, "tenant"), resourceName);
    if (!isChanged) throw notFound(`Tenant [${param(c, "tenant")}] not found`);
    return c.json({});
  });
}

export function addDatabaseRoutes(router: OpenAPIHono<Env>, options: RouteOptions): void {
  router.post("/api/v2/tenants/:tenant/databases", async (c) => {
    const view = viewOf(c, options, "write");
    const name = requiredString(await readBody(c), "name");
    assertDatabaseName(name);
    const isCreated = await view.createDatabase({ tenant: param(c, "tenant"), database: name });
    if (!isCreated) throw alreadyExists(`Database [${name}] already exists`);
    return c.json({});
  });
  router.get("/api/v2/tenants/:tenant/databases", async (c) => {
    const databases = await viewOf(c, options, "read").listDatabases(param(c, "tenant"), pageOf(c));
    return c.json(databases.map(({ id, name, tenant }) => ({ id, name, tenant })));
  });
  router.get("/api/v2/tenants/:tenant/databases/:database", async (c) => {
    const found = await viewOf(c, options, "read").getDatabase(databasePath(c));
    if (!found) throw notFound(`Database [${param(c, "database")}] not found. Are you sure it exists?`);
    return c.json({ id: found.id, name: found.name, tenant: found.tenant });
  });
  router.delete("/api/v2/tenants/:tenant/databases/:database", async (c) => {
    const isDeleted = await viewOf(c, options, "write").deleteDatabase(databasePath(c));
    if (!isDeleted) throw notFound(`Database [${param(c, "database")}] not found`);
    return c.json({});
  });
}
