import type { Env } from "@cairn/api/context.ts";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { type RouteConfig, z } from "@hono/zod-openapi";
import * as schemas from "./schemas.ts";

type Described = readonly [
  method: RouteConfig["method"],
  path: string,
  operationId: string,
  summary: string,
  response: z.ZodType,
  body?: z.ZodType,
];

const DATABASES = "/api/v2/tenants/{tenant}/databases";
const COLLECTIONS = `${DATABASES}/{database}/collections`;
const COLLECTION = `${COLLECTIONS}/{collection_id}`;
const empty = z.object({});

const ROUTES: readonly Described[] = [
  [
    "get",
    "/api/v2/auth/identity",
    "chromaIdentity",
    "Get the tenant and the databases of the key",
    z.object({ user_id: z.string(), tenant: z.string(), databases: z.array(z.string()) }),
  ],
  [
    "post",
    "/api/v2/reset",
    "chromaReset",
    "Delete everything that the key sees, if the operator allows it",
    z.boolean(),
  ],
  ["post", "/api/v2/tenants", "chromaCreateTenant", "Create a tenant", empty, schemas.name],
  [
    "get",
    "/api/v2/tenants/{tenant}",
    "chromaGetTenant",
    "Get a tenant",
    z.object({ name: z.string(), resource_name: z.string().nullable() }),
  ],
  [
    "patch",
    "/api/v2/tenants/{tenant}",
    "chromaUpdateTenant",
    "Name the resource of a tenant",
    empty,
    schemas.resourceName,
  ],
  ["post", DATABASES, "chromaCreateDatabase", "Create a database", empty, schemas.name],
  ["get", DATABASES, "chromaListDatabases", "List databases", z.array(schemas.database)],
  ["get", `${DATABASES}/{database}`, "chromaGetDatabase", "Get a database", schemas.database],
  ["delete", `${DATABASES}/{database}`, "chromaDeleteDatabase", "Delete a database", empty],
  [
    "post",
    COLLECTIONS,
    "chromaCreateCollection",
    "Create a collection, or get it",
    schemas.collection,
    schemas.newCollection,
  ],
  ["get", COLLECTIONS, "chromaListCollections", "List collections", z.array(schemas.collection)],
  ["get", `${DATABASES}/{database}/collections_count`, "chromaCountCollections", "Count collections", z.int()],
  [
    "get",
    `${COLLECTIONS}/by-id/{collection_id}`,
    "chromaGetCollectionById",
    "Get a collection by id",
    schemas.collection,
  ],
  ["get", `${COLLECTIONS}/{name}`, "chromaGetCollection", "Get a collection by name", schemas.collection],
  ["delete", `${COLLECTIONS}/{name}`, "chromaDeleteCollection", "Delete a collection by name", empty],
  ["put", COLLECTION, "chromaUpdateCollection", "Change a collection", empty, schemas.collectionChanges],
  ["post", `${COLLECTION}/add`, "chromaAdd", "Add records; existing ids are ignored", empty, schemas.records],
  ["post", `${COLLECTION}/upsert`, "chromaUpsert", "Add or change records", empty, schemas.records],
  ["post", `${COLLECTION}/update`, "chromaUpdate", "Change existing records", empty, schemas.recordChanges],
  [
    "post",
    `${COLLECTION}/get`,
    "chromaGet",
    "Read records in insertion order",
    schemas.getResponse,
    schemas.getRequest,
  ],
  [
    "post",
    `${COLLECTION}/query`,
    "chromaQuery",
    "Find the nearest records",
    schemas.queryResponse,
    schemas.queryRequest,
  ],
  [
    "post",
    `${COLLECTION}/delete`,
    "chromaDelete",
    "Delete records",
    z.object({ deleted: z.int() }),
    schemas.deleteRequest,
  ],
  ["get", `${COLLECTION}/count`, "chromaCount", "Count records", z.int()],
  [
    "post",
    `${COLLECTION}/search`,
    "chromaSearch",
    "Rank records by expressions, as in RRF",
    schemas.searchResponse,
    schemas.searchRequest,
  ],
  ["post", `${COLLECTION}/fork`, "chromaFork", "Not supported", empty, schemas.anyObject],
  ["get", `${COLLECTION}/fork_count`, "chromaForkCount", "Not supported", empty],
  ["get", `${COLLECTION}/indexing_status`, "chromaIndexingStatus", "Not supported", empty],
  ["post", `${COLLECTION}/functions/attach`, "chromaAttachFunction", "Not supported", empty, schemas.anyObject],
  ["get", `${COLLECTION}/functions/{function_name}`, "chromaGetFunction", "Not supported", empty],
  [
    "post",
    `${COLLECTION}/attached_functions/{name}/detach`,
    "chromaDetachFunction",
    "Not supported",
    empty,
    schemas.anyObject,
  ],
];

/** Statuses of errors. Their names and messages are those of a Chroma server. */
const ERRORS = [400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 501, 503, 504];

/** Queries of routes by their operation. */
const PAGED = new Set(["chromaListDatabases", "chromaListCollections"]);

/** Adds the routes of Chroma's API to the OpenAPI description. */
export function describeRoutes({ openAPIRegistry }: Pick<OpenAPIHono<Env>, "openAPIRegistry">): void {
  for (const [method, path, operationId, summary, response, body] of ROUTES)
    openAPIRegistry.registerPath({
      method,
      path,
      operationId,
      summary,
      tags: ["Chroma"],
      security: [{ bearer: [] }],
      request: {
        params: paramsOf(path),
        ...(PAGED.has(operationId) ? { query: PAGE } : {}),
        ...(operationId === "chromaCount" ? { query: READ_LEVEL } : {}),
        ...(body ? { body: { content: { "application/json": { schema: body } }, required: true } } : {}),
      },
      responses: {
        [operationId === "chromaAdd" ? 201 : 200]: {
          description: "Success.",
          content: { "application/json": { schema: response } },
        },
        ...Object.fromEntries(
          ERRORS.map((status) => [
            status,
            { description: "An error.", content: { "application/json": { schema: schemas.error } } },
          ]),
        ),
      },
    });
}

const page = z
  .string()
  .regex(/^\d{1,9}$/)
  .optional();
const PAGE = z.object({ limit: page, offset: page });
const READ_LEVEL = z.object({ read_level: z.string().optional() });

function paramsOf(path: string) {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  return names.length > 0 ? z.object(Object.fromEntries(names.map((name) => [name, z.string()]))) : undefined;
}
