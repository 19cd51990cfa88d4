import { AppError } from "../error.ts";
import type { VectorTypes } from "./database.ts";
import type { Settings } from "./settings.ts";

/** Where this database has pgvector; undefined before it is installed. */
export interface Installation {
  /** Name of its schema as SQL: some providers keep extensions outside the search path. */
  readonly schema: string;
  readonly types: VectorTypes;
}

/** Run as it is, with whatever settings the connection has. */
export const INSTALLATION_QUERY = `
  SELECT pg_catalog.quote_ident(n.nspname) AS schema, t.oid::pg_catalog.int8 AS vector, t.typarray::pg_catalog.int8 AS vectors
  FROM pg_catalog.pg_extension AS e
  JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
  JOIN pg_catalog.pg_type AS t ON t.typnamespace = n.oid AND t.typname = 'vector'
  WHERE e.extname = 'vector'`;

export interface InstallationRow {
  readonly schema: string;
  /** Type id of `vector`. */
  readonly vector: string | number;
  /** Type id of `vector[]`. */
  readonly vectors: string | number;
}

export interface InstallationLookup {
  /** Undefined where pgvector is not installed. */
  find(): Promise<Installation | undefined>;
  /** Throws `schema_outdated` where pgvector is not installed. */
  vectorTypes(): Promise<VectorTypes>;
  /** Settings for every transaction, see `pinnedSettings`. */
  settings(): Promise<Settings>;
}

/** Looks once, with the first use of the database; again where that failed or pgvector was missing. */
export function rememberInstallation(query: () => Promise<readonly object[]>): InstallationLookup {
  let found: Promise<Installation | undefined> | undefined;
  let settings = pinnedSettings(undefined);
  const find = () => {
    found ??= query().then(
      (rows) => {
        const [row] = rows as readonly InstallationRow[];
        if (!row) found = undefined;
        const installation = row && { schema: row.schema, types: { vector: Number(row.vector) } };
        settings = pinnedSettings(installation);
        return installation;
      },
      (error) => {
        found = undefined;
        throw error;
      },
    );
    return found;
  };
  return {
    find,
    async vectorTypes() {
      const installation = await find();
      if (installation) return installation.types;
      throw new AppError("schema_outdated", "The database lacks pgvector.", { remedy: "migrate_schema" });
    },
    async settings() {
      await find();
      return settings;
    },
  };
}

/**
 * Settings on which answers depend and which a server, database or role can change for every connection. They are sent
 * with each transaction, since a session's settings do not hold behind a transaction pooler. `row_security` off would
 * turn a policy into an error, `DateStyle` changes how dates are read, `array_nulls` what an array parameter holds.
 */
function pinnedSettings(installation: Installation | undefined): Settings {
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
