import type { AppErrorOptions, ErrorCode } from "../error.ts";

/** The error that a SQLSTATE becomes for a caller of Cairn. */
export interface SqlStateMeaning extends Pick<AppErrorOptions, "retryAfter" | "remedy"> {
  readonly code: ErrorCode;
  readonly message: string;
}

const TIMEOUT: SqlStateMeaning = {
  code: "database_timeout",
  message: "The database did not answer in time. Try again, or narrow the request.",
};

const BUSY: SqlStateMeaning = {
  code: "database_busy",
  message: "The request conflicted with another write. Try again.",
};

const OUTDATED: SqlStateMeaning = {
  code: "schema_outdated",
  message: "The database does not have Cairn's tables.",
  remedy: "migrate_schema",
};

const OLDER: SqlStateMeaning = {
  code: "schema_outdated",
  message: "The database's schema is older than this service.",
  remedy: "migrate_schema",
};

const TOO_COMPLEX: SqlStateMeaning = {
  code: "invalid_input",
  message:
    "The request exceeds a limit of the database: a text has too many different words, a name or value is too long to index, or a filter is too deep. Make it smaller, or split it.",
};

const UNUSABLE_VALUE: SqlStateMeaning = {
  code: "invalid_input",
  message: "The database cannot store or compare a value in the request.",
};

const unavailable = (reason: string, retryAfter?: number): SqlStateMeaning => ({
  code: "database_unavailable",
  message: reason,
  retryAfter,
});

const exhausted = (reason: string): SqlStateMeaning => ({
  code: "database_exhausted",
  message: `The request failed because the database ${reason}. Nothing was written. Try again later.`,
});

/** Meanings by SQLSTATE. Source: postgresql.org/docs/17/errcodes-appendix.html */
const CONDITIONS: Readonly<Record<string, SqlStateMeaning>> = {
  "22003": {
    code: "invalid_input",
    message:
      "A number in the request is outside the range that the database can store. Use a smaller number, or send it as a string.",
  },
  "2201B": {
    code: "invalid_filter",
    message: "The regular expression cannot be compiled. Correct it, or simplify it.",
  },
  "22025": {
    code: "invalid_filter",
    message: "A pattern ends with its escape character. Double the backslash, or remove it.",
  },
  "23503": {
    code: "not_found",
    message: "The tenant or collection of the request was deleted during the request.",
  },
  "23505": { code: "already_exists", message: "The name or id is already taken. Choose another one." },
  "25006": unavailable(
    "The database is read-only. If it is a replica, or has just become one, write through the service of the primary. " +
      "If default_transaction_read_only is on, which providers set when the disk is full, free some space and turn it off.",
  ),
  "25P02": {
    code: "database_busy",
    message: "An earlier statement of the transaction failed, so nothing was written. Try again.",
  },
  "25P03": TIMEOUT,
  "25P04": TIMEOUT,
  "3F000": OUTDATED,
  "40000": BUSY,
  "40001": BUSY,
  "40003": unavailable(
    "The connection was lost during a commit, so it is unknown whether the changes were written. Read the data to check.",
  ),
  "40P01": BUSY,
  "42703": OLDER,
  "42704": OLDER,
  "42883": OLDER,
  "42P01": OUTDATED,
  "53100": exhausted("has no disk space left"),
  "53200": exhausted("has no memory left"),
  "53300": unavailable("The database has no free connection. Try again.", 2),
  "53400": exhausted("has reached one of its configured limits"),
  "55006": BUSY,
  "55P03": TIMEOUT,
  "57014": TIMEOUT,
};

/** Meanings by class, for SQLSTATEs without their own entry. */
const CLASSES: Readonly<Record<string, SqlStateMeaning>> = {
  "22": UNUSABLE_VALUE,
  "53": exhausted("has run out of a resource"),
  "54": TOO_COMPLEX,
};

/** SQLSTATEs of class 22 that come from Cairn's own settings and arithmetic, never from a caller's value. */
const INTERNAL_FAULTS: ReadonlySet<string> = new Set(["22004", "22012", "22023", "2202E"]);

/** The meaning of a SQLSTATE. Undefined for a fault of the service or of the database itself. */
export function meaningOf(sqlstate: string): SqlStateMeaning | undefined {
  if (INTERNAL_FAULTS.has(sqlstate)) return undefined;
  return CONDITIONS[sqlstate] ?? CLASSES[sqlstate.slice(0, 2)];
}
