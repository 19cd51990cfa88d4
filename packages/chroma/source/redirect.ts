/** Redirects followed for one request. */
export const MAX_REDIRECTS = 5;

export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Where a redirect leads: to the same server by another address, or somewhere that a credential must not go. */
export type Redirect =
  | { readonly follow: true; readonly base: string; readonly url: string }
  | { readonly follow: false; readonly to: string; readonly why: string };

/**
 * Judges the redirect of a request to `url`, which is `base` and the rest. It is followed to the same host alone, by
 * the same scheme and port or from http to https, and only where the rest of the path stays: a slash may come at its
 * end, another prefix in front. Everything that a migration asks is a read, so its method and body are kept.
 */
export function judgeRedirect(url: string, base: string, location: string | undefined): Redirect {
  const to = location !== undefined && URL.canParse(location, url) ? new URL(location, url) : undefined;
  if (!to) return { follow: false, to: "nowhere", why: "it names no address" };
  const from = new URL(url);
  const shown = `${to.origin}${to.pathname}`;
  const refuse = (why: string): Redirect => ({ follow: false, to: shown, why });
  if (to.hostname !== from.hostname) return refuse("a credential is never sent to another host");
  const upgraded = from.protocol === "http:" && to.protocol === "https:";
  if (!upgraded && to.protocol !== from.protocol)
    return refuse("a credential is never sent over plain http instead");
  if (!upgraded && to.port !== from.port) return refuse("another port may be another service");
  const rest = url.slice(base.length).split("?")[0] ?? "";
  const path = to.pathname.replace(/\/+$/, "");
  if (!path.endsWith(rest)) return refuse("that is not Chroma's API, perhaps a page to log in");
  const slash = to.pathname.endsWith("/") ? "/" : "";
  const next = `${to.origin}${path.slice(0, path.length - rest.length)}`;
  return { follow: true, base: next, url: `${next}${rest}${slash}${from.search}` };
}
