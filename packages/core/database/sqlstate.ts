import type { AppErrorOptions, ErrorCode } from "../error.ts";

/** What a SQLSTATE means to a caller of Cairn. */
export interface SqlStateMeaning extends Pick<AppErrorOptions, "retryAfter" | "remedy"> {
  readonly code: ErrorCode;
  readonly message: string;
}

const TIMEOUT: SqlStateMeaning = {
  code: "database_timeout",
  message: "The database did not answer in time. Try again, or narrow the request.",
};

const BUSY: SqlStateMeaning = { code: "database_busy", message: "Another writer was in the way. Try again." };

const OUTDATED: SqlStateMeaning = {
  code: "schema_outdated",
  message: "The database lacks Cairn's tables.",
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
  message: "The database cannot store or compare a value of the request.",
};

const unavailable = (reason: string, retryAfter?: number): SqlStateMeaning => ({
  code: "database_unavailable",
  message: reason,
  retryAfter,
});

const exhausted = (what: string): SqlStateMeaning => ({
  code: "database_exhausted",
  message: `The database ${what}, so the request was not carried out. Nothing was written; try again later.`,
});

/** Conditions by their SQLSTATE. Source: postgresql.org/docs/17/errcodes-appendix.html */
const CONDITIONS: Readonly<Record<string, SqlStateMeaning>> = {
  "22003": {
    code: "invalid_input",
    message:
      "A number of the request is outside the range that the database holds. Use a smaller number, or send it as a string.",
  },
  "2201B": {
    code: "invalid_filter",
    message: "The regular expression cannot be compiled. Correct it, or make it simpler.",
  },
  "22025": {
    code: "invalid_filter",
    message: "A pattern ends in its escape character. Double the backslash, or leave it out.",
  },
  "23503": {
    code: "not_found",
    message: "The tenant or collection that the request refers to was deleted meanwhile.",
  },
  "23505": { code: "already_exists", message: "There is one with the same name or id already." },
  "25006": unavailable(
    "The database takes no writes. Either it is a replica, or has just become one: write through the service of the primary. " +
      "Or default_transaction_read_only is on, as providers set it where the disk is full: free some space, and turn it off.",
  ),
  "25P02": {
    code: "database_busy",
    message: "An earlier statement of the transaction had failed, so nothing was written. Try again.",
  },
  "25P03": TIMEOUT,
  "25P04": TIMEOUT,
  "3F000": OUTDATED,
  "40000": BUSY,
  "40001": BUSY,
  "40003": unavailable(
    "The connection was lost while a transaction was committed: whether it took effect is not known. Read it again.",
  ),
  "40P01": BUSY,
  "42703": OLDER,
  "42704": OLDER,
  "42883": OLDER,
  "42P01": OUTDATED,
  "53100": exhausted("has no disk space left"),
  "53200": exhausted("has no memory left"),
  "53300": unavailable("The database has no connection free. Try again.", 2),
  "53400": exhausted("has reached one of its configured limits"),
  "55006": BUSY,
  "55P03": TIMEOUT,
  "57014": TIMEOUT,
};

/** Classes, for what has no entry of its own. */
const CLASSES: Readonly<Record<string, SqlStateMeaning>> = {
  "22": UNUSABLE_VALUE,
  "53": exhausted("has run out of a resource"),
  "54": TOO_COMPLEX,
};

/** Of class 22, but about Cairn's own settings and arithmetic, never about a caller's value. */
const OWN_FAULTS: ReadonlySet<string> = new Set(["22004", "22012", "22023", "2202E"]);

/** What a SQLSTATE means; undefined where it is a fault of the service or of the database itself. */
export function meaningOf(sqlstate: string): SqlStateMeaning | undefined {
  if (OWN_FAULTS.has(sqlstate)) return undefined;
  return CONDITIONS[sqlstate] ?? CLASSES[sqlstate.slice(0, 2)];
}
