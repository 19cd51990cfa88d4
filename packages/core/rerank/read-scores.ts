import { ErrorReply, InvalidReplyError } from "../embedding/openai-reply.ts";
import { readServerError } from "../embedding/server-error.ts";
import { FORMATS, formatsOf, resultsOf } from "./formats.ts";
import type { RerankFormat } from "./reranker.ts";

/** A response that is in another format than the configured one. Its message is safe to show. */
export class WrongFormatError extends InvalidReplyError {
  /** The formats that it may be in. */
  readonly candidates: readonly RerankFormat[];

  constructor(format: RerankFormat, body: unknown) {
    const { listName, score } = FORMATS[format];
    super(`it is not in the format ${format}, which has ${listName} of objects with index and ${score}`);
    this.candidates = formatsOf(body);
  }
}

/**
 * The scores of a response in the order of the `count` passages; undefined: it has none for the passage. Throws
 * `WrongFormatError`, `ErrorReply` if it reports a failure, and `InvalidReplyError` for an index that is out of range or occurs
 * twice, and for a score that is not a finite number.
 */
export function readScores(
  body: unknown,
  { format, count }: { readonly format: RerankFormat; readonly count: number },
): readonly (number | undefined)[] {
  const results = resultsOf(body, FORMATS[format]);
  if (!results) {
    const failure = readServerError(body);
    throw failure ? new ErrorReply(failure) : new WrongFormatError(format, body);
  }
  if (results.length === 0) throw new InvalidReplyError(`it has no scores for ${count} passages`);
  const scores: (number | undefined)[] = Array.from({ length: count });
  for (const { index, score } of results) {
    if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= count)
      throw new InvalidReplyError(`the index ${JSON.stringify(index)} is not one of ${count} passages`);
    if (scores[index] !== undefined) throw new InvalidReplyError(`the index ${index} occurs twice`);
    if (typeof score !== "number" || !Number.isFinite(score))
      throw new InvalidReplyError(`the score of passage ${index} is not a number`);
    scores[index] = score;
  }
  return scores;
}
