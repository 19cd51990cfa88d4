import type { JsonObject, JsonValue } from "@cairn/core/database/json.ts";
import { AppError } from "@cairn/core/error.ts";

/** The name of each command-line option in a request or in the service's settings. */
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

/** The request that corresponds to each command. */
const COMMANDS: Readonly<Record<string, string>> = {
  "cairn migrate": "POST /v1/migrations",
  "cairn verify": "POST /v1/migrations",
  "cairn reindex": "POST /v1/reindex with a key of the tenant",
  "cairn collections delete": "DELETE /v1/collections/{collection}",
  "cairn collections set-model": "PATCH /v1/collections/{collection} with embedding_model",
};

const NAMED = new RegExp(
  `${[...Object.keys(OPTIONS), ...Object.keys(COMMANDS)].toSorted((a, b) => b.length - a.length).join("|")}(?![\\w-])`,
  "g",
);

/** Names of options that differ from those of a migration's request. */
type OtherNames = Readonly<Record<string, string>>;

/** Translates a text of a migration to API terms: options become request fields, commands become requests. */
export function toApiTerms(text: string): string {
  return translate(text, {});
}

function translate(text: string, others: OtherNames): string {
  return text.replace(NAMED, (name) => others[name] ?? OPTIONS[name] ?? COMMANDS[name] ?? name);
}

/** Translates an error to API terms. */
export function errorToApiTerms(error: unknown, others: OtherNames = {}): unknown {
  if (!(error instanceof AppError)) return error;
  const { code, message, path, retryAfter, remedy, cause } = error;
  return new AppError(code, translate(message, others), {
    path: path === undefined ? undefined : translate(path, others),
    retryAfter,
    remedy,
    cause,
  });
}

/** Fields of a report or of a dry run that contain texts of Cairn, not data of the collections. */
const TEXTS = new Set(["why", "detail", "notices", "problem", "reasons"]);

/** Translates the report of a migration or of a dry run to API terms. */
export function reportToApiTerms(report: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(report).map(([key, value]) => [key, TEXTS.has(key) ? translateAll(value) : translateNested(value)]),
  );
}

function translateNested(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(translateNested);
  return value !== null && typeof value === "object" ? reportToApiTerms(value as JsonObject) : value;
}

function translateAll(value: JsonValue): JsonValue {
  if (typeof value === "string") return toApiTerms(value);
  return Array.isArray(value) ? value.map(translateAll) : translateNested(value);
}
