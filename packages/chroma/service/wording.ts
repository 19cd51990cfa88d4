import type { JsonObject, JsonValue } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";

/** What the command line's options are called in a request, or in the service's settings. */
const OPTIONS: Readonly<Record<string, string>> = {
  "--pattern": "pattern",
  "--tenant": "tenant",
  "--map": "mapping",
  "--only": "only",
  "--chroma-tenant": "chroma_tenants",
  "--chroma-database": "chroma_databases",
  "--re-embed always": "re_embed: always",
  "--re-embed": "re_embed",
  "--model": "model",
  "--source-model": "source_model",
  "--prune": "prune",
  "--discard-changes": "discard_changes",
  "--chroma": "CHROMA_URL",
  "--token": "CHROMA_TOKEN",
  "--basic user:password": "a user and a password in CHROMA_URL",
  "--header": "a header",
};

/** The requests that do what a command does. */
const COMMANDS: Readonly<Record<string, string>> = {
  "cairn migrate": "POST /v1/migrations",
  "cairn verify": "POST /v1/migrations",
  "cairn reindex": "POST /v1/reindex with a key of the tenant",
  "cairn collections delete": "DELETE /v1/collections/{collection}",
  "cairn collections set-model": "PATCH /v1/collections/{collection} with embedding_model",
};

const NAMED = new RegExp(
  `${[...Object.keys(OPTIONS), ...Object.keys(COMMANDS)]
    .toSorted((a, b) => b.length - a.length)
    .join("|")}(?![\\w-])`,
  "g",
);

/** A text of a migration as the API says it: options are fields of a request, commands are requests. */
export function inApiTerms(text: string): string {
  return text.replace(NAMED, (name) => OPTIONS[name] ?? COMMANDS[name] ?? name);
}

/** An error of a migration as the API says it. */
export function errorInApiTerms(error: unknown): unknown {
  if (!(error instanceof AppError)) return error;
  const { code, message, path, retryAfter, remedy, cause } = error;
  return new AppError(code, inApiTerms(message), {
    path: path === undefined ? undefined : inApiTerms(path),
    retryAfter,
    remedy,
    cause,
  });
}

/** Fields of a report that hold texts of ours, and nothing of the collections'. */
const TEXTS = new Set(["why", "detail", "notices"]);

/** A migration's report as the API says it. */
export function reportInApiTerms(report: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(report).map(([key, value]) => [key, TEXTS.has(key) ? wordAll(value) : within(value)]),
  );
}

function within(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(within);
  return value !== null && typeof value === "object" ? reportInApiTerms(value as JsonObject) : value;
}

function wordAll(value: JsonValue): JsonValue {
  if (typeof value === "string") return inApiTerms(value);
  return Array.isArray(value) ? value.map(wordAll) : within(value);
}
