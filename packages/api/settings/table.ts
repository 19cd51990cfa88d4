import { GLOBAL_SETTINGS } from "./global.ts";
import { LIMIT_SETTINGS } from "./limits.ts";
import { OPERATION_SETTINGS } from "./operation.ts";
import { SERVER_SETTINGS } from "./server.ts";

/**
 * Every setting of the command line, of `cairn serve` and of the functions, in the order of the help. Options, schemas, the
 * variables of infra/ and docs/configuration.md are derived from it.
 */
export const SETTINGS = {
  ...GLOBAL_SETTINGS,
  ...SERVER_SETTINGS,
  ...LIMIT_SETTINGS,
  ...OPERATION_SETTINGS,
} as const;
