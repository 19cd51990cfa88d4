/** A failure that a server reports, independent of the dialect of the body. */
export interface ServerError {
  readonly message: string;
  readonly code?: string;
  readonly type?: string;
  /** The HTTP status in the body. It may differ from the response's status, because some proxies return 200. */
  readonly status?: number;
}

/** Fields with the message in the dialects of OpenAI, TEI, FastAPI, vLLM, DashScope, Cloudflare, pydantic and problem details. */
const MESSAGE_KEYS = ["error", "message", "detail", "errors", "msg", "error_message", "error_msg", "reason", "title"];
const CODE_KEYS = ["code", "error_code"];
const TYPE_KEYS = ["type", "error_type"];
const STATUS_KEYS = ["status", "status_code", "statusCode", "code", "http_code"];
const MAX_DEPTH = 5;
const MAX_ITEMS = 5;

/** The failure that a body reports; undefined: it reports none. */
export function readServerError(body: unknown): ServerError | undefined {
  const message = findMessage(body, 0);
  if (message === "") return undefined;
  const levels = [isObject(body) ? body.error : undefined, body].filter(isObject);
  const findFirst = <T>(keys: readonly string[], read: (value: unknown) => T | undefined): T | undefined =>
    levels.flatMap((level) => keys.map((key) => read(level[key]))).find((value) => value !== undefined);
  return {
    message,
    code: findFirst(CODE_KEYS, readName),
    type: findFirst(TYPE_KEYS, readName),
    status: findFirst(STATUS_KEYS, readStatus),
  };
}

function findMessage(value: unknown, depth: number): string {
  if (typeof value === "string") return readText(value);
  if (depth === MAX_DEPTH) return "";
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map((item) => findMessage(item, depth + 1));
    return items.filter((item) => item !== "").join("; ");
  }
  if (!isObject(value)) return "";
  for (const key of MESSAGE_KEYS) {
    const message = findMessage(value[key], depth + 1);
    if (message !== "") return `${formatLocation(value.loc)}${message}`;
  }
  return "";
}

/** The field in FastAPI's `loc`, such as `["body", "input", 3]`, as a prefix. */
function formatLocation(loc: unknown): string {
  return Array.isArray(loc) && loc.length > 0 ? `${loc.slice(0, 10).join(".")}: ` : "";
}

/** The text, or the title of an HTML page, as proxies return. */
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

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
