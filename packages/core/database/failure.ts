import { DrizzleQueryError } from "drizzle-orm/errors";
import { AppError } from "../error.ts";

/** What of a driver's error may be kept: never the statement, its parameters or `detail`, which hold documents. */
export interface DatabaseFault {
  readonly sqlstate: string | undefined;
  readonly constraint: string | undefined;
  readonly reason: string;
}

const UNREACHABLE = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"]);
const CONNECTION_LOST =
  /Connection terminated|connection is closed|not queryable|timeout exceeded when trying to connect/i;

/** Translates whatever a driver or Drizzle threw into an AppError that holds no SQL, parameter or password. */
export function databaseFailure(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const root = rootCause(error);
  if (root === undefined)
    return error instanceof DrizzleQueryError ? new AppError("database_error", "A statement failed.") : error;
  const code = typeof root.code === "string" ? root.code : undefined;
  const fault: DatabaseFault = {
    sqlstate: code && /^[0-9A-Z]{5}$/.test(code) ? code : undefined,
    constraint: typeof root.constraint === "string" ? root.constraint : undefined,
    reason: code ?? root.name,
  };
  if (code && (UNREACHABLE.has(code) || /^(08|57P0)/.test(code) || code === "53300"))
    return unavailable(code, fault);
  if (CONNECTION_LOST.test(root.message)) return unavailable("the connection was lost", fault);
  if (code === "25006")
    return new AppError(
      "database_unavailable",
      "The database takes no writes: it is a replica, or has just become one. Write through the service of the primary.",
      { cause: fault },
    );
  if (code === "57014" || code === "55P03")
    return new AppError(
      "database_timeout",
      "The database did not answer in time. Try again, or narrow the request.",
      { cause: fault },
    );
  if (code === "40001" || code === "40P01")
    return new AppError("database_busy", "Another writer was in the way. Try again.", { cause: fault });
  if (
    code === "3F000" ||
    code === "42P01" ||
    (code === "22023" && /role "cairn_\w+" does not exist/.test(root.message))
  )
    return new AppError("schema_outdated", "The database lacks Cairn's tables. Run: cairn db migrate", {
      cause: fault,
    });
  if (code === "23502" && root.column === "segment")
    return new AppError(
      "collection_changed",
      "The collection was deleted meanwhile, or another has taken its place. Try again.",
      { cause: fault },
    );
  const [, role] =
    (code === "42501" && /^permission denied to set role "(cairn_\w+)"/.exec(root.message)) || [];
  if (role)
    return new AppError(
      "unsafe_role",
      `The database's login may not act as ${role}, which keeps tenants apart. ` +
        "Let it, as the database's owner: GRANT cairn_app, cairn_admin TO the login.",
      { cause: fault },
    );
  if (code === "28P01" || code === "28000" || code === "3D000")
    return new AppError(
      "database_unavailable",
      `The database refused the login (${code}). Check user, password and database in DATABASE_URL.`,
      { cause: fault },
    );
  if (fault.sqlstate) {
    const where = fault.constraint ? ` at ${fault.constraint}` : "";
    // A server's message quotes values only for data errors (class 22) and constraint violations (23).
    const says = /^(22|23)/.test(fault.sqlstate) ? "" : `: ${root.message}`;
    return new AppError(
      "database_error",
      `The database refused a statement (SQLSTATE ${fault.sqlstate}${where})${says}`,
      { cause: fault },
    );
  }
  return root;
}

/** Whether a statement failed with this SQLSTATE, `23505` for a name that is taken, say. */
export function hasSqlState(error: unknown, sqlstate: string): boolean {
  return (
    error instanceof AppError && (error.cause as Partial<DatabaseFault> | undefined)?.sqlstate === sqlstate
  );
}

/** Likewise for what went wrong before there was a connection: TLS, the password's exchange, the URL itself. */
export function connectFailure(error: unknown): unknown {
  const failure = databaseFailure(error);
  if (failure instanceof AppError || !(failure instanceof Error)) return failure;
  const { code } = failure as DriverError;
  const reason = typeof code === "string" ? code : undefined;
  return unavailable(reason ?? failure.message, {
    sqlstate: undefined,
    constraint: undefined,
    reason: failure.name,
  });
}

function unavailable(reason: string, cause: DatabaseFault): AppError {
  return new AppError(
    "database_unavailable",
    `The database cannot be reached (${reason}). Check DATABASE_URL and that the server runs.`,
    { cause },
  );
}

interface DriverError extends Error {
  readonly code?: unknown;
  readonly constraint?: unknown;
  readonly column?: unknown;
}

/** The driver's own error below Drizzle's wrapper, or undefined where neither threw. */
function rootCause(error: unknown): DriverError | undefined {
  let current = error;
  while (current instanceof DrizzleQueryError) current = current.cause;
  if (current instanceof AggregateError && current.errors[0] instanceof Error) current = current.errors[0];
  if (current instanceof Event) return new Error("Connection terminated"); // what a WebSocket of Neon's driver says
  return current instanceof Error ? (current as DriverError) : undefined;
}
