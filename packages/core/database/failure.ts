import { DrizzleQueryError } from "drizzle-orm/errors";
import { AppError } from "../error.ts";
import { meaningOf, type SqlStateMeaning } from "./sqlstate.ts";

/** The safe part of a driver's error. Never the statement, its parameters or `detail`: those contain documents. */
export interface DatabaseFault {
  readonly sqlstate: string | undefined;
  readonly constraint: string | undefined;
  readonly reason: string;
}

const UNREACHABLE = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"]);
const CONNECTION_LOST =
  /Connection terminated|connection is closed|not queryable|timeout exceeded when trying to connect/i;

/** Translates an error of a driver or of Drizzle into an AppError that contains no SQL, parameter or password. */
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
  if (code && (UNREACHABLE.has(code) || /^(08|57P0)/.test(code))) return unavailable(code, fault);
  if (CONNECTION_LOST.test(root.message)) return unavailable("the connection was lost", fault);
  if (!fault.sqlstate) return root;
  const special = specialCase(fault.sqlstate, root);
  if (special) return new AppError(special.code, special.message, { remedy: special.remedy, cause: fault });
  const meaning = meaningOf(fault.sqlstate);
  if (!meaning) return statementRefused(fault, root);
  const { message, retryAfter, remedy } = meaning;
  return new AppError(meaning.code, message, { retryAfter, remedy, cause: fault });
}

/** Meanings for which the SQLSTATE is not enough: they also depend on the error's message, column or routine. */
function specialCase(sqlstate: string, { message, column, routine }: DriverError): SqlStateMeaning | undefined {
  // The role that a transaction switches to. The routine identifies the error, because messages may be translated.
  const role = routine === "call_string_check_hook" ? /cairn_\w+/.exec(message)?.[0] : undefined;
  if (sqlstate === "22023" && role) return meaningOf("42P01");
  // Citus passes on a worker's message, but not the column.
  if (sqlstate === "23502" && (column === "segment" || message.includes('column "segment"')))
    return {
      code: "collection_changed",
      message: "The collection was deleted or replaced during the request. Try again.",
    };
  if (sqlstate === "42501" && role)
    return {
      code: "unsafe_role",
      message:
        `The database's login may not act as ${role}, the role that isolates tenants. ` +
        "Run as the login that created that role, or as a superuser: GRANT cairn_app, cairn_admin TO the_login;",
    };
  if (sqlstate === "28P01" || sqlstate === "28000" || sqlstate === "3D000")
    return {
      code: "database_unavailable",
      message: `The database refused the login (${sqlstate}). Check user, password and database in its URL.`,
      remedy: "set_database_url",
    };
  return undefined;
}

/** An error of the service or of the database itself, not of the request. */
function statementRefused(fault: DatabaseFault, { message }: DriverError): AppError {
  const constraint = fault.constraint ? ` at ${fault.constraint}` : "";
  // For data errors (class 22) and constraint violations (class 23) the server's message quotes values.
  const detail = /^(22|23)/.test(fault.sqlstate ?? "") ? "" : `: ${redactPaths(message)}`;
  return new AppError(
    "database_error",
    `The database refused a statement (SQLSTATE ${fault.sqlstate}${constraint})${detail}`,
    { cause: fault },
  );
}

/** A server's message with file paths replaced: callers must not learn a machine's folders. */
function redactPaths(message: string): string {
  return message
    .replace(/"[^"]*[/\\][^"]*"/g, "a file")
    .replace(/(?<![\w/])(?:[A-Za-z]:\\|\.{0,2}\/)[^\s,;:'")]+/g, "a file");
}

/** Whether a statement failed with this SQLSTATE, for example `23505` for a name that is taken. */
export function hasSqlState(error: unknown, sqlstate: string): boolean {
  return error instanceof AppError && (error.cause as Partial<DatabaseFault> | undefined)?.sqlstate === sqlstate;
}

/** `databaseFailure` for errors before a connection exists: TLS, password authentication, the URL itself. */
export function connectFailure(error: unknown): unknown {
  const failure = databaseFailure(error);
  if (failure instanceof AppError || !(failure instanceof Error)) return failure;
  const { code } = failure as DriverError;
  const reason = typeof code === "string" ? code : undefined;
  const cause: DatabaseFault = { sqlstate: undefined, constraint: undefined, reason: failure.name };
  const advice = connectAdvice(failure);
  if (advice) return new AppError("database_unavailable", advice, { cause, remedy: "set_database_url" });
  return unavailable(reason ?? redactPaths(failure.message), cause);
}

/** What to change in the connection string, if the driver's error shows it. */
function connectAdvice({ code, syscall, message }: DriverError): string | undefined {
  if (/SASL.*password must be/.test(message))
    return "The database asks for a password, and its URL has none. Add it: postgres://user:password@host:5432/database.";
  if (syscall === "open")
    return `A file that the URL of the database names cannot be read (${code}). Check sslrootcert, sslcert and sslkey. With sslrootcert=system, this machine's certificates are used.`;
  if (typeof code === "string" && /CERT|SIGNATURE/.test(code))
    return `The database's certificate is not trusted (${code}). Set the file of its certificate authority in its URL: sslrootcert=ca.pem.`;
  if (/does not support SSL/.test(message))
    return "The database does not support TLS, and its URL requires it. Remove sslmode, or set sslmode=disable.";
  return undefined;
}

function unavailable(reason: string, cause: DatabaseFault): AppError {
  return new AppError(
    "database_unavailable",
    `The database cannot be reached (${reason}). Check its URL, and check that the server is running.`,
    { cause, remedy: "set_database_url" },
  );
}

interface DriverError extends Error {
  readonly code?: unknown;
  readonly constraint?: unknown;
  readonly column?: unknown;
  readonly syscall?: unknown;
  /** The server's function that reported the error. Unlike the message, it is not translated. */
  readonly routine?: unknown;
}

/** The driver's error inside Drizzle's wrapper. Undefined if the value is no Error. */
function rootCause(error: unknown): DriverError | undefined {
  let current = error;
  while (current instanceof DrizzleQueryError) current = current.cause;
  if (current instanceof AggregateError && current.errors[0] instanceof Error) current = current.errors[0];
  if (current instanceof Event) return new Error("Connection terminated"); // the error of a WebSocket in Neon's driver
  return current instanceof Error ? (current as DriverError) : undefined;
}
