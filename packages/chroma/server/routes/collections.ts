import type { Env } from "@cairn/api/context.ts";
import { deleteCollection } from "@cairn/core/collection/change.ts";
import { forgetTarget } from "@cairn/core/search/read-target.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { changeChromaCollection } from "../collection/change.ts";
import { createChromaCollection } from "../collection/create.ts";
import { type LoadedCollection, loadCollections } from "../collection/load.ts";
import { collectionJson } from "../collection/stored.ts";
import { notFound } from "../error.ts";
import { asNotFound } from "../record/target.ts";
import { readBody } from "../request/body.ts";
import { arrayPieces, encodePieces } from "../response/json.ts";
import type { ChromaView } from "../view/view.ts";
import { collectionIdOf, databasePath, isLegacyClient, pageOf, param, type RouteOptions, viewOf } from "./context.ts";

const COLLECTIONS = "/api/v2/tenants/:tenant/databases/:database/collections";
const JSON_TYPE = { "Content-Type": "application/json" };

export function addCollectionRoutes(router: OpenAPIHono<Env>, options: RouteOptions): void {
  router.post(COLLECTIONS, async (c) => {
    const view = viewOf(c, options, "write");
    const { database } = c.var.services;
    const context = { database, view, path: databasePath(c) };
    const created = await createChromaCollection(context, await readBody(c, ["metadata"]));
    return c.body(jsonOf(c, created), 200, JSON_TYPE);
  });
  router.get(COLLECTIONS, async (c) => {
    const { limit = Number.POSITIVE_INFINITY, offset = 0 } = pageOf(c);
    const routes = (await viewOf(c, options, "read").listCollections(databasePath(c))) ?? [];
    const page = routes.toSorted((a, b) => (a.collectionId < b.collectionId ? -1 : 1)).slice(offset, offset + limit);
    const loaded = await loadCollections(c.var.services.database, page);
    const byId = new Map(loaded.map((collection) => [collection.route.collectionId, collection]));
    const existing = page.flatMap(({ collectionId }) => byId.get(collectionId) ?? []);
    c.var.usage.rows = existing.length;
    return c.body(await encodePieces(arrayPieces(existing, (collection) => jsonOf(c, collection))), 200, JSON_TYPE);
  });
  router.get("/api/v2/tenants/:tenant/databases/:database/collections_count", async (c) => {
    const routes = (await viewOf(c, options, "read").listCollections(databasePath(c))) ?? [];
    return c.json(routes.length);
  });
  router.get(`${COLLECTIONS}/by-id/:collection_id`, async (c) =>
    c.body(jsonOf(c, await loadById(c, viewOf(c, options, "read"))), 200, JSON_TYPE),
  );
  router.get(`${COLLECTIONS}/:name`, async (c) =>
    c.body(jsonOf(c, await loadByName(c, viewOf(c, options, "read"))), 200, JSON_TYPE),
  );
  router.delete(`${COLLECTIONS}/:name`, async (c) => {
    const view = viewOf(c, options, "write");
    const { database } = c.var.services;
    const { route, stored } = await loadByName(c, view);
    await asNotFound(route.name, () => deleteCollection(database, route.tenantId, stored.id));
    forgetTarget(database, route.tenantId, stored.id);
    forgetTarget(database, route.tenantId, route.collectionId);
    await view.unregister(databasePath(c), route);
    return c.json({});
  });
  router.put(`${COLLECTIONS}/:collection_id`, async (c) => {
    const view = viewOf(c, options, "write");
    const { database } = c.var.services;
    const body = await readBody(c, ["new_metadata"]);
    const collection = await loadById(c, view);
    await changeChromaCollection({ database, view, path: databasePath(c) }, collection, body);
    return c.json({});
  });
}

async function loadByName(c: Context<Env>, view: ChromaView): Promise<LoadedCollection> {
  const name = param(c, "name");
  const route = await view.findCollection({ ...databasePath(c), name });
  const [found] = route ? await loadCollections(c.var.services.database, [route]) : [];
  if (!found) throw nameNotFound(name);
  return found;
}

async function loadById(c: Context<Env>, view: ChromaView): Promise<LoadedCollection> {
  const id = collectionIdOf(c);
  const route = await view.findCollectionById(databasePath(c), id);
  const [found] = route ? await loadCollections(c.var.services.database, [route]) : [];
  if (!found) throw nameNotFound(id);
  return found;
}

function nameNotFound(name: string) {
  return notFound(`Collection [${name}] does not exist`);
}

function jsonOf(c: Context<Env>, { route, stored }: LoadedCollection): string {
  return collectionJson(stored, { ...databasePath(c), name: route.name || stored.name }, { legacy: isLegacyClient(c) });
}
