/**
 * The key of a request: Chroma's clients send it as `X-Chroma-Token`, as `Authorization: Bearer`, or as the password of
 * `Authorization: Basic`. Undefined: there is none.
 */
export function chromaCredential(headers: Pick<Headers, "get">): string | undefined {
  const token = (headers.get("X-Chroma-Token") ?? headers.get("Authorization") ?? "").trim();
  const [, scheme = "", value = token] = /^(Bearer|Basic) +(\S+)$/i.exec(token) ?? [];
  if (scheme.toLowerCase() !== "basic") return value || undefined;
  const login = Buffer.from(value, "base64").toString();
  return login.slice(login.indexOf(":") + 1) || login || undefined;
}
