import type { SearchRequest } from "./search-request.ts";

export interface CodeOptions {
  /** Base URL of the service. */
  readonly url: string;
  /** The tenant of a namespace's key, which needs a header. */
  readonly tenant: string | undefined;
}

/** A search as code. The key is a variable, never the key itself. */
export const LANGUAGES = { curl: toCurl, TypeScript: toTypeScript, Python: toPython } as const;

function toCurl(request: SearchRequest, { url, tenant }: CodeOptions): string {
  const header = tenant === undefined ? "" : ` \\\n  -H ${quoteShell(`Cairn-Tenant: ${tenant}`)}`;
  return `curl -s ${quoteShell(`${url}/v1/query`)} \\
  -H "Authorization: Bearer $CAIRN_KEY"${header} \\
  -H 'Content-Type: application/json' \\
  -d ${quoteShell(literal(request, JSON_WORDS))}`;
}

function toTypeScript(request: SearchRequest, { url, tenant }: CodeOptions): string {
  const header = tenant === undefined ? "" : `,\n  { headers: ${literal({ "Cairn-Tenant": tenant }, JSON_WORDS)} },\n`;
  return `import { env } from "node:process";
import { createClient, read } from "cairndb/client";

const client = createClient({ url: ${JSON.stringify(url)}, key: env.CAIRN_KEY ?? "" });
const { hits } = await read(
  client.v1.query.$post({ json: ${indent(literal(request, TYPESCRIPT_WORDS))} }${header}),
);`;
}

function toPython(request: SearchRequest, { url, tenant }: CodeOptions): string {
  const header = tenant === undefined ? "" : `, "Cairn-Tenant": ${JSON.stringify(tenant)}`;
  return `import os

import requests

response = requests.post(
    ${JSON.stringify(`${url}/v1/query`)},
    headers={"Authorization": f"Bearer {os.environ['CAIRN_KEY']}"${header}},
    json=${indent(literal(request, PYTHON_WORDS), 4)},
)
response.raise_for_status()
hits = response.json()["hits"]`;
}

/** How a language writes a value. */
interface Words {
  readonly true: string;
  readonly false: string;
  readonly null: string;
  readonly step: number;
  readonly integer: (digits: string) => string;
}

const JSON_WORDS: Words = { true: "true", false: "false", null: "null", step: 2, integer: (digits) => digits };
const TYPESCRIPT_WORDS: Words = { ...JSON_WORDS, integer: (digits) => `${digits}n` };
const PYTHON_WORDS: Words = { ...JSON_WORDS, true: "True", false: "False", null: "None", step: 4 };

/** A value in a language. Objects have a line for each field, lists are in one line. */
function literal(value: unknown, words: Words): string {
  if (typeof value === "bigint") return words.integer(String(value));
  if (typeof value === "boolean" || value === null) return words[String(value) as "true" | "false" | "null"];
  if (Array.isArray(value)) return `[${value.map((item) => inline(item, words)).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const pad = " ".repeat(words.step);
  const lines = Object.entries(value).map(([key, item]) => `${pad}${JSON.stringify(key)}: ${inline(item, words)},`);
  const text = `{\n${lines.join("\n")}\n}`;
  return words === JSON_WORDS ? text.replace(/,\n\}$/, "\n}") : text;
}

function inline(value: unknown, words: Words): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return literal(value, words);
  const fields = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${inline(item, words)}`);
  return `{${fields.join(", ")}}`;
}

function indent(text: string, columns = 2): string {
  return text.replaceAll("\n", `\n${" ".repeat(columns)}`);
}

function quoteShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
