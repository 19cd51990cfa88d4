import { createHash } from "node:crypto";
import type { Context } from "hono";
import type { Env } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";

/** Maximum parts of a form: the files of an upload and its fields. */
const MAX_PARTS = 120;

const BOUNDARY = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i;

/**
 * Reads a body of files. Its text, which only identifies the request for an `Idempotency-Key`, is a hash of the bytes without the
 * boundary, which clients choose at random.
 */
export async function readMultipart(c: Context<Env>): Promise<void> {
  const [, quoted, plain] = BOUNDARY.exec(c.req.header("Content-Type") ?? "") ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined)
    throw new HttpError("unsupported_media_type", "Send the files as Content-Type: multipart/form-data.", {
      path: "Content-Type",
    });
  await c.var.slot.acquireLarge("files");
  const bytes = Buffer.from(await c.req.arrayBuffer());
  const hash = createHash("sha256");
  const delimiter = Buffer.from(`--${boundary}`);
  let start = 0;
  let parts = 0;
  for (let at = bytes.indexOf(delimiter); at !== -1; at = bytes.indexOf(delimiter, start)) {
    hash.update(bytes.subarray(start, at)).update("\0part\0");
    start = at + delimiter.length;
    // The form is parsed at once, so its parts are counted before.
    if (++parts > MAX_PARTS)
      throw new HttpError("invalid_input", `The form has more than ${MAX_PARTS} parts. Send fewer files at once.`, {
        path: "file",
      });
  }
  if (bytes.length > 0 && !isClosed(bytes, start))
    throw new HttpError("invalid_input", "The body is not a complete form: its last boundary is missing.", {
      path: "body",
    });
  const digest = hash.update(bytes.subarray(start)).digest("hex");
  c.req.text = async () => digest;
}

/** Whether the last boundary, which ends at `end`, is followed by two hyphens. */
function isClosed(bytes: Buffer, end: number): boolean {
  return end > 0 && bytes.subarray(end, end + 2).toString("latin1") === "--";
}
