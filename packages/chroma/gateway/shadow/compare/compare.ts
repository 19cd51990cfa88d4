import { isObject } from "../../../server/request/fields.ts";
import type { Answer, ReadKind } from "../read.ts";
import { compareCounts } from "./count.ts";
import { metricOf } from "./exact.ts";
import { AGREED, type Comparison } from "./outcome.ts";
import { compareQueries } from "./query.ts";
import type { QueryOptions } from "./query-options.ts";
import { compareRecords } from "./records.ts";
import { elementTolerance } from "./tolerance.ts";

export interface CompareOptions extends Omit<QueryOptions, "body"> {
  readonly kind: ReadKind;
  /** The parsed request. */
  readonly body: unknown;
}

/** Compares the answers of both sides to one read. Throws if an answer is not one of Chroma's API. */
export async function compareAnswers(chroma: Answer, cairn: Answer, options: CompareOptions): Promise<Comparison> {
  if (chroma.status !== cairn.status)
    return {
      outcome: "differed",
      agreement: 0,
      difference: { kind: "status", chroma: chroma.status, cairn: cairn.status },
    };
  if (chroma.status !== 200) return AGREED;
  const { body, pending } = options;
  switch (options.kind) {
    case "count":
      return compareCounts(chroma, cairn, pending);
    case "get":
      return compareRecords(chroma, cairn, {
        body,
        pending,
        vectorTolerance: elementTolerance(await metricOf(options)),
      });
    case "query":
      return compareQueries(chroma, cairn, { ...options, body: isObject(body) ? body : {} });
  }
}
