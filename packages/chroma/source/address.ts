import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "@cairn/core/error.ts";

/** Hosts of this machine. Without a scheme, they use http. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|0\.0\.0\.0|\[::1\])(:\d+)?([/?#]|$)/i;

/** Endings of URLs copied from a browser or a client. They are not part of the address. */
const URL_SUFFIX =
  /\/(?:api\/v[12](?:\/(?:heartbeat|version|healthcheck|pre-flight-checks|auth\/identity))?|docs|openapi\.json)$/;

/**
 * Parses the address of a Chroma server as a user writes it: with a path prefix, a login, an ending such as `/api/v2`, or
 * without a scheme if the host is this machine. Throws `invalid_input` for an invalid address. The message says what to
 * write and never contains the password.
 */
export function parseAddress(text: string): URL {
  const input = text.trim();
  const folder = findFolder(input);
  if (folder !== undefined)
    throw invalid(
      `${quote(text)} is a folder, but Cairn reads Chroma through its server. ${describeHowToServe(folder)}`,
    );
  const address = LOOPBACK.test(input) ? `http://${input}` : input;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  // An @ in the path comes from a password with a slash, which ended the host for the parser.
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname.includes("@"))
    throw invalid(explainInvalidAddress(input));
  const resourcePath = /^(.*)\/api\/v[12]\/tenants(?:\/([^/]+))?(?:\/databases\/([^/]+))?/.exec(url.pathname);
  if (resourcePath)
    throw invalid(
      `${quote(text)} is an address inside a Chroma server. Use the address of the server: ${url.origin}${resourcePath[1]}` +
        `${resourcePath[2] ? ` --chroma-tenant ${resourcePath[2]}` : ""}${resourcePath[3] ? ` --chroma-database ${resourcePath[3]}` : ""}`,
    );
  url.pathname = url.pathname.replace(/\/+$/, "").replace(URL_SUFFIX, "").replace(/\/+$/, "");
  url.search = "";
  url.hash = "";
  return url;
}

/** The folder of Chroma's data that a text names, as a path or as a file in the folder; undefined if it names none. */
function findFolder(text: string): string | undefined {
  if (/^https?:/i.test(text)) return undefined;
  const path = text.replace(/^file:(\/\/)?/i, "");
  const looksLikePath = path !== text || /^(\.{1,2}$|\.{0,2}[\\/]|~|[a-z]:[\\/])|\.(sqlite3?|db)$/i.test(path);
  if (!looksLikePath && !(path !== "" && existsSync(path))) return undefined;
  const isFile = existsSync(path) ? statSync(path).isFile() : /\.(sqlite3?|db)$/i.test(path);
  return isFile ? dirname(path) : path;
}

function describeHowToServe(folder: string): string {
  return `Start a server on the folder (or on a copy, because a newer server upgrades the data): npx chroma run --path ${/[^\w./\\:~-]/.test(folder) ? JSON.stringify(folder) : folder} --port 8000. Then use --chroma http://localhost:8000`;
}

function explainInvalidAddress(text: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  const lacksScheme = !scheme && /^[^\s/@]+(\/[^\s@]*)?$/.test(text) && URL.canParse(`http://${text}`);
  const hint = lacksScheme
    ? `Write the scheme: https://${text} or http://${text}. If it is a folder, start a server on it: npx chroma run --path ${text}`
    : "Example: http://localhost:8000. Percent-encode a password in it.";
  return `${quote(text)} is not the address of a Chroma server. ${hint}`;
}

function quote(text: string): string {
  return JSON.stringify(redact(text));
}

/** Hides everything before an `@`, because a password may contain any character. */
function redact(url: string): string {
  return url.replace(/^(\w+:\/\/)?.*@/s, "$1***@");
}

function invalid(message: string): AppError {
  return new AppError("invalid_input", message, { path: "--chroma" });
}
