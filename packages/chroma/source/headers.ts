import { AppError } from "@cairn/core/error.ts";
import type { ChromaOptions } from "./options.ts";

/**
 * The headers of every request. A login in the address becomes an `Authorization` header.
 * Throws `invalid_input` if a header cannot be sent. The message contains the header's name and never its value.
 */
export function requestHeaders({ token, basic, headers }: ChromaOptions, url: URL): Record<string, string> {
  const inUrl = url.username ? `${decodePart(url.username)}:${decodePart(url.password)}` : undefined;
  const login = basic ?? inUrl;
  const all: Record<string, string> = {
    "content-type": "application/json",
    ...(login ? { authorization: `Basic ${Buffer.from(login).toString("base64")}` } : {}),
    ...(token ? { authorization: `Bearer ${token}`, "x-chroma-token": token } : {}),
    ...headers,
  };
  for (const [name, value] of Object.entries(all)) {
    if (canSend(name, value)) continue;
    throw new AppError(
      "invalid_input",
      `The header ${JSON.stringify(name)} for Chroma cannot be sent: it contains a line break or a character that HTTP does not allow.`,
    );
  }
  return all;
}

function canSend(name: string, value: string): boolean {
  try {
    return new Headers([[name, value]]).has(name);
  } catch {
    return false; // the error message quotes the value, which may be a secret
  }
}

/** Decodes a part of a URL. A `%` that encodes nothing is kept. */
function decodePart(text: string): string {
  return decodeURIComponent(text.replaceAll(/%(?![0-9a-f]{2})/gi, "%25"));
}

/** Replaces every secret of the headers in a server message, which may quote the request. */
export function hideSecrets(text: string, headers: Readonly<Record<string, string>>): string {
  const secrets = Object.entries(headers).flatMap(([name, value]) => (name === "content-type" ? [] : secretsIn(value)));
  return secrets
    .sort((a, b) => b.length - a.length)
    .reduce((hidden, secret) => (secret ? hidden.replaceAll(secret, "***") : hidden), text);
}

function secretsIn(value: string): readonly string[] {
  const credential = value.replace(/^\w+ /, "");
  if (!value.startsWith("Basic ")) return [value, credential];
  const login = Buffer.from(credential, "base64").toString();
  return [credential, login, login.slice(login.indexOf(":") + 1)];
}
