import { isIPv4 } from "node:net";
import { invalidArgument } from "../error.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]$/;

const RULE =
  "Expected a name containing 3-512 characters from [a-zA-Z0-9._-], starting and ending with a character in [a-zA-Z0-9]";

/** Throws Chroma's error for a name that a new collection cannot have. `path`: field of the request. */
export function assertName(name: string, path = "name"): void {
  if (!NAME.test(name)) throw invalidArgument(`Validation error: ${path}: ${RULE}. Got: ${name.slice(0, 600)}`);
  if (name.includes(".."))
    throw invalidArgument(
      `Validation error: ${path}: Expected a name that does not contains two consecutive periods (..). Got ${name}`,
    );
  if (isIPv4(name))
    throw invalidArgument(`Validation error: ${path}: Expected a name that is not a valid ip address. Got ${name}`);
}

/** Throws Chroma's error for a database's name. */
export function assertDatabaseName(name: string): void {
  if (!NAME.test(name)) throw invalidArgument(`${RULE}. Got: ${name.slice(0, 600)}`);
}
