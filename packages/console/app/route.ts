import { signal } from "@preact/signals";

/** A place in the console: `#/operations/jobs?status=failed`. */
export interface Route {
  /** Segments, decoded. The first names the view. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export const route = signal<Route>(parse(location.hash));

addEventListener("hashchange", () => {
  if (isRoute(location.hash)) route.value = parse(location.hash);
});

/** Another hash is the id of an element on the page: `#main`. */
function isRoute(hash: string): boolean {
  return hash.startsWith("#/");
}

/** The address of a place, for links: `linkTo(["tenants", id])`. */
export function linkTo(path: readonly string[], query: Readonly<Record<string, string>> = {}): string {
  const search = new URLSearchParams(query).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${search && `?${search}`}`;
}

/** Goes to a place. `replace`: the place before is not in the history. */
export function goTo(path: readonly string[], query: Readonly<Record<string, string>> = {}, replace = false): void {
  const address = linkTo(path, query);
  if (!replace) {
    location.hash = address;
    return;
  }
  history.replaceState(null, "", address);
  route.value = parse(address);
}

function parse(hash: string): Route {
  const [path = "", search] = isRoute(hash) ? hash.slice(2).split("?", 2) : [];
  return { path: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(search) };
}

/** A segment that is not valid percent-encoding is taken as it is. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
