/** Maximum number of redirects that one request follows. */
export const MAX_REDIRECTS = 5;

export const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** A redirect: to another address of the same server, or to a server that must not receive the credential. */
export type Redirect =
  | { readonly follow: true; readonly base: string; readonly url: string }
  | { readonly follow: false; readonly destination: string; readonly reason: string };

/**
 * Decides whether the redirect of a request to `url`, which begins with `base`, is followed. It is followed on the same host
 * only, with the same scheme and port or from http to https, and only if the rest of the path is unchanged. The prefix may
 * differ, and a trailing slash may be added. Method and body are kept: the server that redirects has not handled the request.
 */
export function checkRedirect(url: string, base: string, location: string | undefined): Redirect {
  const destination = location !== undefined && URL.canParse(location, url) ? new URL(location, url) : undefined;
  if (!destination) return { follow: false, destination: "nowhere", reason: "it has no valid address" };
  const from = new URL(url);
  const target = `${destination.origin}${destination.pathname}`;
  const reject = (reason: string): Redirect => ({ follow: false, destination: target, reason });
  if (destination.hostname !== from.hostname) return reject("a credential is never sent to another host");
  const isTlsUpgrade = from.protocol === "http:" && destination.protocol === "https:";
  if (!isTlsUpgrade && destination.protocol !== from.protocol)
    return reject("a credential is never sent over plain http instead");
  if (!isTlsUpgrade && destination.port !== from.port) return reject("another port may be another service");
  const rest = url.slice(base.length).split("?")[0] ?? "";
  const path = destination.pathname.replace(/\/+$/, "");
  if (!path.endsWith(rest)) return reject("that is not Chroma's API, perhaps a login page");
  const slash = destination.pathname.endsWith("/") ? "/" : "";
  const next = `${destination.origin}${path.slice(0, path.length - rest.length)}`;
  return { follow: true, base: next, url: `${next}${rest}${slash}${from.search}` };
}
