import type { Env } from "@cairn/api/context.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { countRecords } from "../record/count.ts";
import { deleteChromaRecords } from "../record/delete.ts";
import { getRecords } from "../record/get.ts";
import { parseRecords, parseUpdate } from "../record/input.ts";
import { queryRecords } from "../record/query.ts";
import { type WriteKind, writeChromaRecords } from "../record/write.ts";
import { readBody } from "../request/body.ts";
import { type RouteOptions, routeOf, viewOf } from "./context.ts";

export const COLLECTION = "/api/v2/tenants/:tenant/databases/:database/collections/:collection_id";
const JSON_TYPE = { "Content-Type": "application/json" };

export function addRecordRoutes(router: OpenAPIHono<Env>, options: RouteOptions): void {
  for (const kind of ["add", "upsert", "update"] as const)
    router.post(`${COLLECTION}/${kind}`, (c) => write(c, options, kind));
  router.post(`${COLLECTION}/get`, async (c) => {
    const { json, count } = await getRecords(await readContext(c, options), await readBody(c));
    c.var.usage.rows = count;
    return c.body(json, 200, JSON_TYPE);
  });
  router.post(`${COLLECTION}/query`, async (c) => {
    const { services, signal } = c.var;
    const context = { ...(await readContext(c, options)), services, signal };
    const { json, count } = await queryRecords(context, await readBody(c));
    c.var.usage.rows = count;
    return c.body(json, 200, JSON_TYPE);
  });
  router.post(`${COLLECTION}/delete`, async (c) => {
    const route = await routeOf(c, viewOf(c, options, "write"));
    const deleted = await deleteChromaRecords(c.var.services.database, route, await readBody(c));
    c.var.usage.rows = deleted;
    return c.json({ deleted });
  });
  router.get(`${COLLECTION}/count`, async (c) => {
    const route = await routeOf(c, viewOf(c, options, "read"));
    return c.json(await countRecords(c.var.services.database, route));
  });
}

async function write(c: Context<Env>, options: RouteOptions, kind: WriteKind) {
  const route = await routeOf(c, viewOf(c, options, "write"));
  const body = await readBody(c, ["metadatas"]);
  const records = kind === "update" ? await parseUpdate(body) : await parseRecords(body, { nulls: kind === "upsert" });
  await writeChromaRecords(c.var.services.database, route, { kind, records });
  c.var.usage.rows = records.length;
  return c.json({}, kind === "add" ? 201 : 200);
}

export async function readContext(c: Context<Env>, options: RouteOptions) {
  const { services, maxResponse: maxBytes } = c.var;
  const route = await routeOf(c, viewOf(c, options, "read"));
  return { database: services.database, route, maxBytes };
}
