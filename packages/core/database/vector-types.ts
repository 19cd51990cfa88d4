import { sql } from "drizzle-orm";
import { AppError } from "../error.ts";
import type { Database, VectorTypes } from "./database.ts";

/** The type id of `vector`. Throws `schema_outdated` where pgvector is missing. */
export async function lookUpVectorTypes(read: Database["read"]): Promise<VectorTypes> {
  const [rows] = await read([sql`SELECT to_regtype('vector')::oid::int8 AS vector`]);
  const oid = (rows as readonly { readonly vector: string | number | null }[])[0]?.vector;
  if (oid == null)
    throw new AppError("schema_outdated", "The database lacks pgvector.", { remedy: "migrate_schema" });
  return { vector: Number(oid) };
}

/** Looks once, when first asked; again where that failed. */
export function rememberVectorTypes(look: () => Promise<VectorTypes>): () => Promise<VectorTypes> {
  let types: Promise<VectorTypes> | undefined;
  return () => {
    types ??= look().catch((error) => {
      types = undefined;
      throw error;
    });
    return types;
  };
}
