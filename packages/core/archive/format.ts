import * as z from "zod";
import type { JsonObject } from "../database/json.ts";

// A tenant as lines of JSON: the header, then for each collection its settings, its passages and their count and hash, and
// the end. Documents are in the order of insertion, the passages of each in the order of its text.

export const FORMAT = "cairn-tenant";
export const FORMAT_VERSION = 1;

/** The first line. */
export interface ArchiveHeader {
  readonly format: typeof FORMAT;
  readonly version: typeof FORMAT_VERSION;
  readonly cairn: string;
  readonly tenant: { readonly id: string; readonly name: string };
  readonly exported_at: string;
}

/** What ends the passages of a collection. */
export interface CollectionSummary {
  readonly name: string;
  readonly documents: number;
  readonly passages: number;
  /** SHA-256 of the lines of the passages, each with its line break. */
  readonly sha256: string;
}

/** The maximum of an integer in Postgres. */
const MAX_INTEGER = 2 ** 31 - 1;

/** The parsed object itself: a copy would lose a key such as `__proto__`. */
const json = z.custom<JsonObject>((value) => typeof value === "object" && value !== null && !Array.isArray(value));

export const headerSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(FORMAT_VERSION),
  cairn: z.string(),
  tenant: z.object({ id: z.uuid(), name: z.string() }),
  exported_at: z.string(),
});

export const collectionSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  embedding_model: z.string().nullable(),
  dimensions: z.int().nullable(),
  metric: z.enum(["cosine", "l2", "ip"]),
  language: z.string(),
  metadata: json,
  attributes: json,
  index_settings: json,
  chunking: json,
});

export type ArchivedCollection = z.infer<typeof collectionSchema>;

export const passageSchema = z.object({
  id: z.string().min(1),
  chunk: z.int().min(0).max(MAX_INTEGER),
  content: z.string().nullable(),
  offset: z.int().min(0).max(MAX_INTEGER).nullable(),
  /** Absent: none. */
  headings: z.array(z.string()).optional(),
  /** Float32 numbers, little-endian, in base64. */
  embedding: z.base64().nullable(),
  uri: z.string().nullable(),
  metadata: json,
});

export type ArchivedPassage = z.infer<typeof passageSchema>;

export const summarySchema = z.object({
  name: z.string(),
  documents: z.int(),
  passages: z.int(),
  sha256: z.string(),
});

export const endSchema = z.object({ collections: z.int(), documents: z.int(), passages: z.int() });

export function makeHeader(cairn: string, { id, name }: ArchiveHeader["tenant"]): ArchiveHeader {
  return {
    format: FORMAT,
    version: FORMAT_VERSION,
    cairn,
    tenant: { id, name },
    exported_at: new Date().toISOString(),
  };
}
