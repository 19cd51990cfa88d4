/** Fields whose keys are the caller's own: below them a path is left as it is. */
const OWN_KEYS: ReadonlySet<string> = new Set([
  "filter",
  "where",
  "whereDocument",
  "where_document",
  "metadata",
  "mapping",
]);

const OPTION_NAME = /^[a-z][a-z0-9]*([A-Z][a-z0-9]*)+(?=$|\[)/;

/**
 * A path of the domain, in its option names, as the API spells it: `index.efSearch` is `index.ef_search`. Headers,
 * environment variables and a caller's own keys (`filter.unitPrice`) stay as they are.
 */
export function toApiPath(path: string): string {
  let own = false;
  return path
    .split(".")
    .map((part) => {
      if (own) return part;
      own = OWN_KEYS.has(part.replace(/\[.*$/, ""));
      return part.replace(OPTION_NAME, snakeCase);
    })
    .join(".");
}

/** A message of the domain with the option names of its path as the API spells them. */
export function toApiMessage(message: string, path: string): string {
  const names = path.split(/[.[\]]/).filter((part) => OPTION_NAME.test(part));
  if (toApiPath(path) === path) return message;
  return names.reduce((text, name) => text.replaceAll(new RegExp(`\\b${name}\\b`, "g"), snakeCase), message);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
