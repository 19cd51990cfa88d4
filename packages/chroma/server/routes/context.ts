import type { Env, Principal } from "@cairn/api/context.ts";
import { HttpError } from "@cairn/api/problem/http-error.ts";
import type { Database } from "@cairn/core/database/database.ts";
import type { Scope } from "@cairn/core/tenant/scope.ts";
import type { Context } from "hono";
import { invalidArgument } from "../error.ts";
import { collectionNotFound } from "../record/target.ts";
import type { ChromaView, CollectionRoute, DatabasePath } from "../view/view.ts";

/** Makes the view of a credential; undefined: it sees no collections, such as an operator's key. */
export type CreateView = (database: Database, principal: Principal) => ChromaView | undefined;

export interface RouteOptions {
  readonly createView: CreateView;
  /** Whether `reset` is allowed. */
  readonly allowReset: boolean;
  /** Maximum bytes of a body, for the size of batches that clients learn. */
  readonly maxBody: number;
}

/** The view of the request's credential. Throws a 403 if the credential lacks the scope. */
export function viewOf(c: Context<Env>, { createView }: Pick<RouteOptions, "createView">, scope: Scope): ChromaView {
  const { principal, services } = c.var;
  const view = createView(services.database, principal);
  if (!view) throw new HttpError("forbidden", "An operator's key sees no collections. Use a key of a tenant.");
  if (principal.scopes.includes(scope)) return view;
  throw new HttpError("forbidden", `The key lacks the scope ${scope}; it has ${principal.scopes.join(", ")}.`);
}

/** The tenant and the database in the path of a request. */
export function databasePath(c: Context<Env>): DatabasePath {
  return { tenant: param(c, "tenant"), database: param(c, "database") };
}

export function param(c: Context<Env>, name: string): string {
  return c.req.param(name) ?? "";
}

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

/** The collection in the path of a request on records. Throws a 404, also for one that the credential does not see. */
export async function routeOf(c: Context<Env>, view: ChromaView): Promise<CollectionRoute> {
  const id = collectionIdOf(c);
  const route = await view.findCollectionById(databasePath(c), id);
  if (!route) throw collectionNotFound(id);
  return route;
}

/** The collection's id in the path, in the usual notation. */
export function collectionIdOf(c: Context<Env>): string {
  const text = param(c, "collection_id");
  if (!UUID.test(text)) throw invalidArgument("Collection ID is not a valid UUIDv4");
  const hex = text.replaceAll("-", "").toLowerCase();
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** `limit` and `offset` of a query string. */
export function pageOf(c: Context<Env>): { readonly limit?: number; readonly offset?: number } {
  return { limit: countOf(c, "limit"), offset: countOf(c, "offset") };
}

function countOf(c: Context<Env>, name: string): number | undefined {
  const text = c.req.query(name);
  if (text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 32) return Number(text);
  throw invalidArgument(`Failed to deserialize query string: ${name}: invalid digit found in string`);
}

/** Whether the client is Python's 0.5 or 0.6, which requires other fields of a collection. */
export function isLegacyClient(c: Context<Env>): boolean {
  return /^Chroma Python Client v0\.[56]\./.test(c.req.header("User-Agent") ?? "");
}
