import { AppError } from "../error.ts";
import type { VectorTypes } from "./database.ts";
import type { Settings } from "./settings.ts";

/** Where pgvector is installed in this database. */
interface PgvectorInstallation {
  /** Name of its schema, quoted for SQL: some providers keep extensions outside the search path. */
  readonly schema: string;
  readonly types: VectorTypes;
}

/** Finds pgvector. Independent of the connection's settings: every name is qualified. */
export const PGVECTOR_QUERY = `
  SELECT pg_catalog.quote_ident(n.nspname) AS schema, t.oid::pg_catalog.int8 AS vector, t.typarray::pg_catalog.int8 AS vectors
  FROM pg_catalog.pg_extension AS e
  JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
  JOIN pg_catalog.pg_type AS t ON t.typnamespace = n.oid AND t.typname = 'vector'
  WHERE e.extname = 'vector'`;

export interface PgvectorRow {
  readonly schema: string;
  /** Type id of `vector`. */
  readonly vector: string | number;
  /** Type id of `vector[]`. */
  readonly vectors: string | number;
}

/** A lookup that runs `query` at the first use and caches the result. It runs again if it failed or pgvector was missing. */
export function createPgvectorLookup(query: () => Promise<readonly object[]>) {
  let pending: Promise<PgvectorInstallation | undefined> | undefined;
  let settings = pinnedSettings(undefined);
  const find = () => {
    pending ??= query().then(
      (rows) => {
        const [row] = rows as readonly PgvectorRow[];
        if (!row) pending = undefined;
        const installation = row && { schema: row.schema, types: { vector: Number(row.vector) } };
        settings = pinnedSettings(installation);
        return installation;
      },
      (error) => {
        pending = undefined;
        throw error;
      },
    );
    return pending;
  };
  return {
    /** Throws `schema_outdated` if pgvector is not installed. */
    async vectorTypes(): Promise<VectorTypes> {
      const installation = await find();
      if (installation) return installation.types;
      throw new AppError("schema_outdated", "The database does not have pgvector.", {
        remedy: "migrate_schema",
      });
    },
    /** Settings for every transaction, see `pinnedSettings`. */
    async settings(): Promise<Settings> {
      await find();
      return settings;
    },
  };
}

/**
 * Settings that affect results and that a server, database or role can change for every connection. They are sent with
 * each transaction, because session settings do not persist behind a transaction pooler. `row_security` off would turn a
 * policy into an error, `DateStyle` changes how dates are parsed, and `array_nulls` changes how array parameters are read.
 */
function pinnedSettings(installation: PgvectorInstallation | undefined): Settings {
  return {
    search_path: `${installation?.schema ?? "public"}, pg_temp`,
    row_security: "on",
    array_nulls: "on",
    standard_conforming_strings: "on",
    DateStyle: "ISO, MDY",
    IntervalStyle: "postgres",
    TimeZone: "UTC",
    bytea_output: "hex",
    extra_float_digits: 1,
  };
}
