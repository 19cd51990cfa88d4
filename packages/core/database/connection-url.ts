import { AppError } from "../error.ts";

/**
 * A PostgreSQL URL that every driver here can read: surrounding space is removed, a lone `%` is encoded, and libpq's
 * `sslrootcert=system` selects the runtime's own certificates. Throws `invalid_input` with the name of the option. The message never quotes the URL,
 * because it can contain a password.
 */
export function readConnectionUrl(text: string, option = "databaseUrl"): string {
  const trimmed = text.trim();
  if (!/^postgres(ql)?:\/\//.test(trimmed))
    throw invalid(option, `it must begin with postgres:// or postgresql://${prefixHint(trimmed)}.`);
  const encoded = trimmed.replace(/%(?![0-9a-f]{2})/gi, "%25");
  const url = URL.parse(encoded);
  if (!url || hasMisplacedAt(url)) {
    const [, login] = /^[^:]+:\/\/(.*)@/s.exec(trimmed) ?? [];
    if (login && /[/?#[\]\s]/.test(login))
      throw invalid(
        option,
        "the user or the password contains a character that separates the parts of a URL. " +
          "Percent-encode it: / as %2F, # as %23, ? as %3F, @ as %40, : as %3A, [ as %5B, ] as %5D, a space as %20.",
      );
    throw invalid(option, "it is not a URL of the form postgres://user:password@host:5432/database.");
  }
  if (url.hash)
    throw invalid(option, "it contains a #. If it belongs to a name or password, percent-encode it as %23.");
  return url.searchParams.get("sslrootcert") === "system" ? withSystemCertificates(url) : encoded;
}

/** Whether an `@` follows the host: a password with an unencoded `/`, `?` or `#` moves the real host behind it. */
function hasMisplacedAt(url: URL): boolean {
  const rest = `${url.pathname}${url.hash}${url.username === "" ? url.search : ""}`;
  return rest.includes("@");
}

/** Without a certificate file, Node verifies against its own certificates. Source: PostgreSQL, libpq, sslrootcert. */
function withSystemCertificates(url: URL): string {
  url.searchParams.delete("sslrootcert");
  url.searchParams.set("sslmode", "verify-full");
  return url.href;
}

function prefixHint(text: string): string {
  return /^["'`]|^psql\b/.test(text) ? ", without quotation marks or a command before it" : "";
}

function invalid(option: string, reason: string): AppError {
  return new AppError("invalid_input", `${option} cannot be used: ${reason}`, { path: option });
}
