import { createHash } from "node:crypto";
import type { Context } from "hono";
import type { Env } from "../context.ts";
import { HttpError } from "../problem/http-error.ts";

/** Reads a body of files. Its text, which only identifies the request for an `Idempotency-Key`, is the hash of the bytes. */
export async function readMultipart(c: Context<Env>): Promise<void> {
  if (!/^multipart\/form-data\s*;/i.test(c.req.header("Content-Type") ?? ""))
    throw new HttpError("unsupported_media_type", "Send the files as Content-Type: multipart/form-data.", {
      path: "Content-Type",
    });
  await c.var.slot.acquireLarge("write");
  const bytes = await c.req.arrayBuffer();
  c.req.text = async () => createHash("sha256").update(new Uint8Array(bytes)).digest("hex");
}
