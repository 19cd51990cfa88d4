/** Fields whose keys are chosen by the caller: below them a path is not translated. */
const CALLER_KEYED_FIELDS: ReadonlySet<string> = new Set([
  "filter",
  "where",
  "whereDocument",
  "where_document",
  "metadata",
  "mapping",
]);

const OPTION_NAME = /^[a-z][a-z0-9]*([A-Z][a-z0-9]*)+(?=$|\[)/;

/**
 * Translates a path from the domain's option names to the API's field names: `index.efSearch` becomes `index.ef_search`.
 * Headers, environment variables and keys chosen by the caller (`filter.unitPrice`) stay unchanged.
 */
export function toApiPath(path: string): string {
  let isCallerKey = false;
  return path
    .split(".")
    .map((part) => {
      if (isCallerKey) return part;
      isCallerKey = CALLER_KEYED_FIELDS.has(part.replace(/\[.*$/, ""));
      return part.replace(OPTION_NAME, snakeCase);
    })
    .join(".");
}

/** Translates the option names of the path to the API's field names in a message of the domain. */
export function toApiMessage(message: string, path: string): string {
  const names = path.split(/[.[\]]/).filter((part) => OPTION_NAME.test(part));
  if (toApiPath(path) === path) return message;
  return names.reduce((text, name) => text.replaceAll(new RegExp(`\\b${name}\\b`, "g"), snakeCase), message);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
