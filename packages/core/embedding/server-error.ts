/** What a server says of a failure, whatever the dialect of its body. */
export interface ServerError {
  readonly message: string;
  readonly code?: string;
  readonly type?: string;
  /** The HTTP status that the body names, where it differs from the response's: some proxies answer 200. */
  readonly status?: number;
}

/** Where the words are, by dialect: OpenAI, TEI, FastAPI, vLLM, DashScope, Cloudflare, pydantic, problem details. */
const WORDS = [
  "error",
  "message",
  "detail",
  "errors",
  "msg",
  "error_message",
  "error_msg",
  "reason",
  "title",
];
const CODES = ["code", "error_code"];
const TYPES = ["type", "error_type"];
const STATUSES = ["status", "status_code", "statusCode", "code", "http_code"];
const DEEPEST = 5;
const MAX_ITEMS = 5;

/** The failure that a body tells of; undefined where there is none in it. */
export function readServerError(body: unknown): ServerError | undefined {
  const message = wordsOf(body, 0);
  if (message === "") return undefined;
  const levels = [isObject(body) ? body.error : undefined, body].filter(isObject);
  const first = <T>(keys: readonly string[], read: (value: unknown) => T | undefined): T | undefined => {
    for (const level of levels)
      for (const key of keys) {
        const value = read(level[key]);
        if (value !== undefined) return value;
      }
    return undefined;
  };
  return {
    message,
    code: first(CODES, readName),
    type: first(TYPES, readName),
    status: first(STATUSES, readStatus),
  };
}

function wordsOf(value: unknown, depth: number): string {
  if (typeof value === "string") return readText(value);
  if (depth === DEEPEST) return "";
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map((item) => wordsOf(item, depth + 1));
    return items.filter((item) => item !== "").join("; ");
  }
  if (!isObject(value)) return "";
  for (const key of WORDS) {
    const words = wordsOf(value[key], depth + 1);
    if (words !== "") return `${placeOf(value.loc)}${words}`;
  }
  return "";
}

/** FastAPI's `loc`: `["body", "input", 3]` names the field. */
function placeOf(loc: unknown): string {
  return Array.isArray(loc) && loc.length > 0 ? `${loc.slice(0, 10).join(".")}: ` : "";
}

/** A page of HTML, as proxies answer with, says it in its title. */
function readText(text: string): string {
  const trimmed = text.trim();
  if (!/^<[a-z!?]/i.test(trimmed)) return trimmed;
  return /<title[^>]*>([^<]*)/i.exec(trimmed.slice(0, 10_000))?.[1]?.trim() ?? "";
}

function readName(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

function readStatus(value: unknown): number | undefined {
  const status = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : value;
  return typeof status === "number" && status >= 400 && status <= 599 ? status : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
