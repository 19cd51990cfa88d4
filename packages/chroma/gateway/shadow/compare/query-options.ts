import type { Body } from "../../../server/request/body.ts";
import type { Answer, ReadRequest } from "../read.ts";
import type { ComparedCollection } from "./exact.ts";

/** What the comparison of a query needs besides the answers. */
export interface QueryOptions extends ComparedCollection {
  /** The parsed request. */
  readonly body: Body;
  readonly pending: ReadonlySet<string>;
  readonly askChroma: (request: ReadRequest, signal: AbortSignal) => Promise<Answer>;
}
