import { AppError } from "../error.ts";
import type { Transaction, VectorTypes } from "./database.ts";

/** The type id of `vector`. Throws `schema_outdated` where pgvector is missing. */
export async function lookUpVectorTypes({ orm }: Transaction): Promise<VectorTypes> {
  const { rows } = (await orm.execute("SELECT to_regtype('vector')::oid::int8 AS vector")) as unknown as {
    rows: { vector: string | number | null }[];
  };
  const oid = rows[0]?.vector;
  if (oid == null)
    throw new AppError("schema_outdated", "The database lacks pgvector. Run: cairn db migrate");
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
