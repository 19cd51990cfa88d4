import type { Database } from "@cairn/core/database/database.ts";
import { selectRows } from "@cairn/core/database/rows.ts";
import { asTenant } from "@cairn/core/database/transaction.ts";
import { sql } from "drizzle-orm";
import type { ChromaCollectionHandle } from "../support/fill-chroma.ts";

interface PlainRecord {
  readonly id: string;
  readonly document: string | null;
  readonly metadata: string;
  readonly uri: string | null;
  readonly embedding: readonly number[];
}

/**
 * All records of a collection on both sides, read without the migration's code: plain JSON from Chroma, vectors as text
 * from Postgres.
 */
export async function readBothSides(
  { url }: ChromaCollectionHandle,
  database: Database,
  tenant: string,
): Promise<{ readonly chroma: readonly PlainRecord[]; readonly cairn: readonly PlainRecord[] }> {
  const response = await fetch(`${url}/get`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ include: ["documents", "metadatas", "embeddings", "uris"] }),
  });
  const body = (await response.json()) as {
    ids: string[];
    documents: (string | null)[];
    metadatas: (object | null)[];
    uris: (string | null)[];
    embeddings: number[][];
  };
  const chroma = body.ids.map((id, index) => ({
    id,
    document: body.documents[index] ?? null,
    metadata: sorted(body.metadatas[index] ?? {}),
    uri: body.uris[index] ?? null,
    embedding: (body.embeddings[index] ?? []).map(Math.fround),
  }));
  const rows = await asTenant(database, tenant, ({ orm }) =>
    selectRows<{
      id: string;
      content: string | null;
      metadata: string;
      uri: string | null;
      embedding: string;
    }>(
      orm,
      sql`SELECT id, content, metadata::text AS metadata, uri, embedding::text AS embedding FROM cairn.documents`,
    ),
  );
  const cairn = rows.map(({ id, content, metadata, uri, embedding }) => ({
    id,
    document: content,
    metadata: sorted(JSON.parse(metadata) as object),
    uri,
    embedding: (JSON.parse(embedding) as number[]).map(Math.fround),
  }));
  const byId = (a: PlainRecord, b: PlainRecord) => (a.id < b.id ? -1 : 1);
  return { chroma: chroma.sort(byId), cairn: cairn.sort(byId) };
}

function sorted(metadata: object): string {
  return JSON.stringify(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1)));
}
