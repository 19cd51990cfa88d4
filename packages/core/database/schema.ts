import { eq, isNull, type SQL, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  customType,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  unique,
  uuid,
} from "drizzle-orm/pg-core";
import type { ChunkSettings, IndexSettings } from "./collection-settings.ts";
import { decodeJson, encodeJson, type JsonObject } from "./json.ts";

/**
 * Drizzle's definitions of the tables, for typed queries. The SQL in migrations/ creates the tables: Drizzle cannot
 * express the extension, roles, grants, policies and partitions.
 */
const cairn = pgSchema("cairn");

/** A jsonb column that keeps integers over 2^53, NUL and lone surrogates. Read it through `exact(column)`. */
const exactJson = customType<{ data: JsonObject; driverData: string }>({
  dataType: () => "jsonb",
  toDriver: encodeJson,
});

/** Selects a jsonb column as text: the drivers parse jsonb with JSON.parse, which rounds large integers. */
export function exact(column: AnyPgColumn): SQL<JsonObject> {
  return sql`${column}::text`.mapWith(decodeJson) as SQL<JsonObject>;
}

/** A bytea column, read as a Buffer. */
const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => "bytea" });

const createdAt = () => timestamp("created_at", { withTimezone: true }).notNull().defaultNow();
const updatedAt = () => timestamp("updated_at", { withTimezone: true }).notNull().defaultNow();

export const tenants = cairn.table("tenants", {
  id: uuid("id").primaryKey().defaultRandom(),
  name: text("name").notNull().unique(),
  settings: jsonb("settings").$type<JsonObject>().notNull().default({}),
  createdAt: createdAt(),
  disabledAt: timestamp("disabled_at", { withTimezone: true }),
});

export const collections = cairn.table(
  "collections",
  {
    tenantId: uuid("tenant_id").notNull(),
    id: uuid("id").notNull().defaultRandom(),
    name: text("name").notNull(),
    embeddingModel: text("embedding_model"),
    dimensions: integer("dimensions"),
    metric: text("metric").$type<"cosine" | "l2" | "ip">().notNull(),
    metadata: exactJson("metadata").notNull(),
    language: text("language").notNull().default("english"),
    indexSettings: jsonb("index_settings").$type<IndexSettings>().notNull().default({}),
    chunking: jsonb("chunking").$type<ChunkSettings>().notNull().default({}),
    openSegment: integer("open_segment").notNull().default(0),
    replacedBy: uuid("replaced_by"),
    filledFrom: uuid("filled_from"),
    lineage: uuid("lineage"),
    replication: text("replication").$type<"source" | "replica">(),
    attributes: exactJson("attributes").notNull().default({}),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] }), unique().on(table.tenantId, table.name)],
);

export const namespaces = cairn.table("namespaces", {
  id: uuid("id").primaryKey().defaultRandom(),
  name: text("name").notNull().unique(),
  settings: exactJson("settings").notNull(),
  createdAt: createdAt(),
});

export const apiKeys = cairn.table("api_keys", {
  tenantId: uuid("tenant_id"),
  namespaceId: uuid("namespace_id"),
  id: uuid("id").primaryKey().defaultRandom(),
  name: text("name").notNull().default(""),
  secretHash: bytes("secret_hash").notNull(),
  hint: text("hint").notNull(),
  scopes: text("scopes").array().$type<("read" | "write" | "admin")[]>().notNull(),
  createdAt: createdAt(),
  expiresAt: timestamp("expires_at", { withTimezone: true }),
  revokedAt: timestamp("revoked_at", { withTimezone: true }),
  lastUsedAt: timestamp("last_used_at", { withTimezone: true }),
});

export const jobs = cairn.table("jobs", {
  tenantId: uuid("tenant_id"),
  id: uuid("id").primaryKey().defaultRandom(),
  kind: text("kind").notNull(),
  status: text("status").$type<"in_progress" | "completed" | "failed" | "cancelled">().notNull().default("in_progress"),
  request: exactJson("request"),
  counts: jsonb("counts").$type<Readonly<Record<string, number>>>().notNull().default({}),
  result: exactJson("result"),
  lastError: jsonb("last_error").$type<{ readonly code: string; readonly message: string }>(),
  leaseToken: uuid("holder"),
  leasedUntil: timestamp("held_until", { withTimezone: true }),
  cancelledAt: timestamp("cancelled_at", { withTimezone: true }),
  attempts: integer("attempts").notNull().default(0),
  takenAt: timestamp("taken_at", { withTimezone: true }),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
  finishedAt: timestamp("finished_at", { withTimezone: true }),
});

/** The condition of an owner's rows. Null: the operator, whose rows have no tenant. */
export function ownedBy(column: AnyPgColumn, tenantId: string | null): SQL {
  return tenantId === null ? isNull(column) : eq(column, tenantId);
}
