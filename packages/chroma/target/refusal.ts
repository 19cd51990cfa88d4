import { AppError } from "@cairn/core/error.ts";
import { ChromaError } from "../source/client.ts";

/** Statuses with which Chroma refuses what a request contains: too large, invalid, or not supported. */
const REFUSALS: ReadonlySet<number> = new Set([400, 413, 422, 501]);

const CONFLICT = 409;

/** The server's response if it refused what a request contains; undefined: the server could not be used, or something else failed. */
export function refusalOf(error: unknown): ChromaError | undefined {
  const response = error instanceof AppError ? error.cause : undefined;
  return response instanceof ChromaError && REFUSALS.has(response.status) ? response : undefined;
}

/** Runs a request and returns its refusal; undefined: it was accepted. Throws all other errors. */
export async function refusedWith(request: () => Promise<unknown>): Promise<ChromaError | undefined> {
  try {
    await request();
    return undefined;
  } catch (error) {
    const refusal = refusalOf(error);
    if (!refusal) throw error;
    return refusal;
  }
}

/** Whether the server refused to create what exists. */
export function isConflict(error: unknown): boolean {
  return error instanceof AppError && error.cause instanceof ChromaError && error.cause.status === CONFLICT;
}

/** Characters of a reason that are kept. */
const MAX_CHARACTERS = 200;

/** Chroma's reason without what it quotes, which may be a part of a document. */
export function describeRefusal({ status, message }: ChromaError): string {
  const reason = message
    .replaceAll(/\\?"[^"]*"|`[^`]*`|'[^']*'|Got: .*$/gs, "…")
    .replace(/ at line \d+ column \d+$/, "")
    .slice(0, MAX_CHARACTERS);
  return `Chroma refuses the record (${status}): ${reason}`;
}
