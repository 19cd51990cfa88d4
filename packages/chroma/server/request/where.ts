import { AppError } from "@cairn/core/error.ts";
import { type SearchFilter, searchFilter } from "@cairn/core/filter/input.ts";
import { invalidArgument } from "../error.ts";
import type { Body } from "./body.ts";

/** The conditions of a request on records. `ids`: only these records. */
export interface Conditions {
  readonly filter: unknown;
  readonly whereDocument: unknown;
  readonly ids: readonly string[] | undefined;
  readonly allowEmptyLists: true;
}

export function conditionsOf(body: Body, ids: readonly string[] | undefined): Conditions {
  return { filter: body.where, whereDocument: body.where_document, ids, allowEmptyLists: true };
}

/** The compiled conditions; undefined: every record matches. */
export function compileConditions(conditions: Conditions): SearchFilter | undefined {
  try {
    return searchFilter(conditions);
  } catch (error) {
    throw translateFilterError(error);
  }
}

/** An invalid filter in Chroma's words, with the reason. */
export function translateFilterError(error: unknown): unknown {
  if (!(error instanceof AppError && error.code === "invalid_filter")) return error;
  const isRegex = /\$(not_)?regex$/.test(error.path ?? "");
  // Chroma's message has this spelling.
  return invalidArgument(isRegex ? `Regex syntax errror: ${error.message}` : `Invalid where clause: ${error.message}`);
}
