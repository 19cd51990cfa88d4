import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "@cairn/core/error.ts";

/** Hosts of this machine: no scheme in front of them can only mean http. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|0\.0\.0\.0|\[::1\])(:\d+)?([/?#]|$)/i;

/** Ends of a URL that people copy from a browser or a client: none of them belongs to the address. */
const COPIED =
  /\/(?:api\/v[12](?:\/(?:heartbeat|version|healthcheck|pre-flight-checks|auth\/identity))?|docs|openapi\.json)$/;

/**
 * The address of a Chroma server as a user writes it: with a path prefix, a login, an end such as `/api/v2`, or without
 * a scheme where the host is this machine. Throws `invalid_input` for what is none, with what to write; never with the
 * password in it.
 */
export function parseAddress(text: string): URL {
  const given = text.trim();
  const folder = findFolder(given);
  if (folder !== undefined)
    throw invalid(`${quote(text)} is a folder, and Chroma is read through its server. ${serve(folder)}`);
  const address = LOOPBACK.test(given) ? `http://${given}` : given;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  // An @ in the path was in a password, before a slash that ended the host for the parser.
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname.includes("@")) throw invalid(explain(given));
  const inside = /^(.*)\/api\/v[12]\/tenants(?:\/([^/]+))?(?:\/databases\/([^/]+))?/.exec(url.pathname);
  if (inside)
    throw invalid(
      `${quote(text)} is the address of something inside a Chroma server. Give the server's: ${url.origin}${inside[1]}` +
        `${inside[2] ? ` --chroma-tenant ${inside[2]}` : ""}${inside[3] ? ` --chroma-database ${inside[3]}` : ""}`,
    );
  url.pathname = url.pathname.replace(/\/+$/, "").replace(COPIED, "").replace(/\/+$/, "");
  url.search = "";
  url.hash = "";
  return url;
}

/** The folder of Chroma's data that a text names: as a path, or as a file in it. */
function findFolder(text: string): string | undefined {
  if (/^https?:/i.test(text)) return undefined;
  const path = text.replace(/^file:(\/\/)?/i, "");
  const looksLikePath =
    path !== text || /^(\.{1,2}$|\.{0,2}[\\/]|~|[a-z]:[\\/])|\.(sqlite3?|db)$/i.test(path);
  if (!looksLikePath && !(path !== "" && existsSync(path))) return undefined;
  const isFile = existsSync(path) ? statSync(path).isFile() : /\.(sqlite3?|db)$/i.test(path);
  return isFile ? dirname(path) : path;
}

function serve(folder: string): string {
  return `Start one on it (or on a copy, as a newer server upgrades the data): npx chroma run --path ${/[^\w./\\:~-]/.test(folder) ? JSON.stringify(folder) : folder} --port 8000. Then: --chroma http://localhost:8000`;
}

function explain(text: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  const bare = !scheme && /^[^\s/@]+(\/[^\s@]*)?$/.test(text) && URL.canParse(`http://${text}`);
  const hint = bare
    ? `Write the scheme: https://${text} or http://${text}. For a folder, start a server on it: npx chroma run --path ${text}`
    : "It looks like http://localhost:8000; a password in it is percent-encoded.";
  return `${quote(text)} is not the address of a Chroma server. ${hint}`;
}

function quote(text: string): string {
  return JSON.stringify(redact(text));
}

/** Whatever stands before an `@` may be a password, and a password may hold any character. */
function redact(url: string): string {
  return url.replace(/^(\w+:\/\/)?.*@/s, "$1***@");
}

function invalid(message: string): AppError {
  return new AppError("invalid_input", message, { path: "--chroma" });
}
